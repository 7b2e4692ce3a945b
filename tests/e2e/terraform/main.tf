# A two-tier PKI as teams describe it: a root, a subordinate that publishes CRLs, and certificates from it.

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

variable "owner" {
  type    = string
  default = "platform"
}

provider "aws" {
  region                      = "us-east-1"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  s3_use_path_style           = true

  endpoints {
    acmpca = var.acm_pca_url
    s3     = var.s3_url
  }
}

locals {
  template = "arn:aws:acm-pca:::template"
}

resource "aws_s3_bucket" "crl" {
  bucket        = "two-tier-crl"
  force_destroy = true
}

data "aws_iam_policy_document" "crl" {
  statement {
    actions   = ["s3:GetBucketAcl", "s3:GetBucketLocation", "s3:PutObject", "s3:PutObjectAcl"]
    resources = [aws_s3_bucket.crl.arn, "${aws_s3_bucket.crl.arn}/*"]
    principals {
      type        = "Service"
      identifiers = ["acm-pca.amazonaws.com"]
    }
  }
}

resource "aws_s3_bucket_policy" "crl" {
  bucket = aws_s3_bucket.crl.id
  policy = data.aws_iam_policy_document.crl.json
}

resource "aws_acmpca_certificate_authority" "root" {
  type                            = "ROOT"
  permanent_deletion_time_in_days = 7
  certificate_authority_configuration {
    key_algorithm     = "RSA_4096"
    signing_algorithm = "SHA512WITHRSA"
    subject {
      common_name  = "Example Root"
      organization = "Example Corp"
      country      = "US"
    }
  }
}

resource "aws_acmpca_certificate" "root" {
  certificate_authority_arn   = aws_acmpca_certificate_authority.root.arn
  certificate_signing_request = aws_acmpca_certificate_authority.root.certificate_signing_request
  signing_algorithm           = "SHA512WITHRSA"
  template_arn                = "${local.template}/RootCACertificate/V1"
  validity {
    type  = "YEARS"
    value = 10
  }
}

resource "aws_acmpca_certificate_authority_certificate" "root" {
  certificate_authority_arn = aws_acmpca_certificate_authority.root.arn
  certificate               = aws_acmpca_certificate.root.certificate
  certificate_chain         = aws_acmpca_certificate.root.certificate_chain
}

resource "aws_acmpca_certificate_authority" "issuing" {
  type                            = "SUBORDINATE"
  usage_mode                      = "GENERAL_PURPOSE"
  key_storage_security_standard   = "FIPS_140_2_LEVEL_3_OR_HIGHER"
  permanent_deletion_time_in_days = 7
  certificate_authority_configuration {
    key_algorithm     = "EC_prime256v1"
    signing_algorithm = "SHA256WITHECDSA"
    subject {
      common_name         = "Example Issuing CA"
      organization        = "Example Corp"
      organizational_unit = "Security"
      country             = "US"
      state               = "WA"
      locality            = "Seattle"
    }
  }
  revocation_configuration {
    crl_configuration {
      custom_cname       = "crl.example.com"
      enabled            = true
      expiration_in_days = 7
      s3_bucket_name     = aws_s3_bucket.crl.id
      s3_object_acl      = "BUCKET_OWNER_FULL_CONTROL"
    }
    ocsp_configuration {
      enabled = false
    }
  }
  tags = {
    Name  = "issuing"
    Owner = var.owner
  }
  depends_on = [aws_s3_bucket_policy.crl]
}

resource "aws_acmpca_certificate" "issuing" {
  certificate_authority_arn   = aws_acmpca_certificate_authority.root.arn
  certificate_signing_request = aws_acmpca_certificate_authority.issuing.certificate_signing_request
  signing_algorithm           = "SHA512WITHRSA"
  template_arn                = "${local.template}/SubordinateCACertificate_PathLen0/V1"
  validity {
    type  = "YEARS"
    value = 5
  }
  depends_on = [aws_acmpca_certificate_authority_certificate.root]
}

resource "aws_acmpca_certificate_authority_certificate" "issuing" {
  certificate_authority_arn = aws_acmpca_certificate_authority.issuing.arn
  certificate               = aws_acmpca_certificate.issuing.certificate
  certificate_chain         = aws_acmpca_certificate.issuing.certificate_chain
}

resource "aws_acmpca_permission" "acm" {
  certificate_authority_arn = aws_acmpca_certificate_authority.issuing.arn
  actions                   = ["IssueCertificate", "GetCertificate", "ListPermissions"]
  principal                 = "acm.amazonaws.com"
}

data "aws_iam_policy_document" "shared" {
  statement {
    sid       = "Read"
    resources = [aws_acmpca_certificate_authority.issuing.arn]
    actions = [
      "acm-pca:DescribeCertificateAuthority",
      "acm-pca:GetCertificate",
      "acm-pca:GetCertificateAuthorityCertificate",
      "acm-pca:ListPermissions",
      "acm-pca:ListTags",
    ]
    principals {
      type        = "AWS"
      identifiers = [var.other_account]
    }
  }
  statement {
    sid       = "Issue"
    resources = [aws_acmpca_certificate_authority.issuing.arn]
    actions   = ["acm-pca:IssueCertificate"]
    principals {
      type        = "AWS"
      identifiers = [var.other_account]
    }
    condition {
      test     = "StringEquals"
      variable = "acm-pca:TemplateArn"
      values   = ["${local.template}/EndEntityCertificate/V1"]
    }
  }
}

resource "aws_acmpca_policy" "shared" {
  resource_arn = aws_acmpca_certificate_authority.issuing.arn
  policy       = data.aws_iam_policy_document.shared.json
}

resource "aws_acmpca_certificate" "leaf" {
  certificate_authority_arn   = aws_acmpca_certificate_authority.issuing.arn
  certificate_signing_request = var.csr_pem
  signing_algorithm           = "SHA256WITHECDSA"
  validity {
    type  = "DAYS"
    value = 90
  }
  depends_on = [aws_acmpca_certificate_authority_certificate.issuing]
}

resource "aws_acmpca_certificate" "passthrough" {
  certificate_authority_arn   = aws_acmpca_certificate_authority.issuing.arn
  certificate_signing_request = var.csr_pem
  signing_algorithm           = "SHA256WITHECDSA"
  template_arn                = "${local.template}/EndEntityCertificate_APIPassthrough/V1"
  validity {
    type  = "END_DATE"
    value = var.end_date
  }
  api_passthrough = jsonencode({
    Subject = { CommonName = "passthrough.example.com" }
    Extensions = {
      SubjectAlternativeNames = [{ DnsName = "passthrough.example.com" }]
    }
  })
  depends_on = [aws_acmpca_certificate_authority_certificate.issuing]
}

data "aws_acmpca_certificate_authority" "issuing" {
  arn        = aws_acmpca_certificate_authority.issuing.arn
  depends_on = [aws_acmpca_certificate_authority_certificate.issuing]
}

data "aws_acmpca_certificate" "leaf" {
  arn                       = aws_acmpca_certificate.leaf.arn
  certificate_authority_arn = aws_acmpca_certificate_authority.issuing.arn
}

output "root_arn" { value = aws_acmpca_certificate_authority.root.arn }
output "issuing_arn" { value = aws_acmpca_certificate_authority.issuing.arn }
output "issuing_status" { value = data.aws_acmpca_certificate_authority.issuing.status }
output "leaf" { value = data.aws_acmpca_certificate.leaf.certificate }
output "leaf_chain" { value = data.aws_acmpca_certificate.leaf.certificate_chain }
output "leaf_arn" { value = aws_acmpca_certificate.leaf.arn }
output "passthrough" { value = aws_acmpca_certificate.passthrough.certificate }
