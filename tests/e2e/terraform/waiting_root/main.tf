# Roots that issue their own certificates and never install them, and a permission: what the acceptance tests of the AWS
# provider make and destroy (TestAccACMPCACertificate_rootCertificate, …WithAPIPassthrough, TestAccACMPCAPermission_basic).

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

variable "acm_pca_url" { type = string }
variable "s3_url" { type = string }
variable "csr_pem" { type = string }
variable "other_account" { type = string }
variable "end_date" { type = string }

provider "aws" {
  region                      = "us-east-1"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true

  endpoints {
    acmpca = var.acm_pca_url
  }
}

locals {
  passthrough = jsonencode({
    Extensions = { SubjectAlternativeNames = [{ DnsName = "root.example.com" }] }
  })
  templates = {
    RootCACertificate                     = null
    RootCACertificate_APIPassthrough      = local.passthrough
    BlankRootCACertificate_APIPassthrough = local.passthrough
  }
}

resource "aws_acmpca_certificate_authority" "root" {
  for_each                        = local.templates
  type                            = "ROOT"
  permanent_deletion_time_in_days = 7

  certificate_authority_configuration {
    key_algorithm     = "RSA_4096"
    signing_algorithm = "SHA512WITHRSA"
    subject { common_name = "example.com" }
  }
}

resource "aws_acmpca_certificate" "root" {
  for_each                    = local.templates
  certificate_authority_arn   = aws_acmpca_certificate_authority.root[each.key].arn
  certificate_signing_request = aws_acmpca_certificate_authority.root[each.key].certificate_signing_request
  signing_algorithm           = "SHA512WITHRSA"
  template_arn                = "arn:aws:acm-pca:::template/${each.key}/V1"
  api_passthrough             = each.value

  validity {
    type  = "YEARS"
    value = 1
  }
}

resource "aws_acmpca_permission" "renewal" {
  certificate_authority_arn = aws_acmpca_certificate_authority.root["RootCACertificate"].arn
  principal                 = "acm.amazonaws.com"
  actions                   = ["IssueCertificate", "GetCertificate", "ListPermissions"]
}

output "policy" { value = aws_acmpca_permission.renewal.policy }
