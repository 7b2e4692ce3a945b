# A root in each of two regions, which are of two partitions, at one address.

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
  region                      = "eu-west-1"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true

  endpoints {
    acmpca = var.acm_pca_url
  }
}

provider "aws" {
  alias                       = "gov"
  region                      = "us-gov-west-1"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true

  endpoints {
    acmpca = var.acm_pca_url
  }
}

data "aws_partition" "gov" {
  provider = aws.gov
}

resource "aws_acmpca_certificate_authority" "europe" {
  type                            = "ROOT"
  permanent_deletion_time_in_days = 7

  certificate_authority_configuration {
    key_algorithm     = "EC_prime256v1"
    signing_algorithm = "SHA256WITHECDSA"
    subject { common_name = "Root" }
  }
}

resource "aws_acmpca_certificate_authority" "gov" {
  provider                        = aws.gov
  type                            = "ROOT"
  permanent_deletion_time_in_days = 7

  certificate_authority_configuration {
    key_algorithm     = "EC_prime256v1"
    signing_algorithm = "SHA256WITHECDSA"
    subject { common_name = "Root" }
  }
}

resource "aws_acmpca_certificate" "gov" {
  provider                    = aws.gov
  certificate_authority_arn   = aws_acmpca_certificate_authority.gov.arn
  certificate_signing_request = aws_acmpca_certificate_authority.gov.certificate_signing_request
  signing_algorithm           = "SHA256WITHECDSA"
  template_arn                = "arn:${data.aws_partition.gov.partition}:acm-pca:::template/RootCACertificate/V1"

  validity {
    type  = "YEARS"
    value = 1
  }
}

resource "aws_acmpca_certificate_authority_certificate" "gov" {
  provider                  = aws.gov
  certificate_authority_arn = aws_acmpca_certificate_authority.gov.arn
  certificate               = aws_acmpca_certificate.gov.certificate
}

output "arns" {
  value = [aws_acmpca_certificate_authority.europe.arn, aws_acmpca_certificate_authority.gov.arn]
}
