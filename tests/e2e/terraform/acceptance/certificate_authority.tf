# Each CA is what an acceptance test of the provider makes; a step changes all of them, as the steps of those tests do:
# TestAccACMPCACertificateAuthority_basic, _usageMode, _keyStorageSecurityStandard, _tags, _enabledDeprecated,
# _deleteFromActiveState, _RevocationConfiguration_empty, _RevocationCrl_* and _RevocationOcsp_*.

locals {
  on = { enabled = true }
  # The steps of each test; null: the configuration has no revocation_configuration any more.
  crl = {
    custom_cname       = [{ custom_cname = "crl.example.com" }, { custom_cname = "crl2.example.com" }, {}, null]
    enabled            = [{}, { enabled = false }, { custom_cname = "crl.example.com" }, null]
    expiration_in_days = [{ expiration_in_days = 1 }, { expiration_in_days = 2 }, {}, null]
    s3_object_acl      = [{ s3_object_acl = "BUCKET_OWNER_FULL_CONTROL" }, { s3_object_acl = "PUBLIC_READ" }, {}, null]
  }
  ocsp = {
    enabled = [local.on, { enabled = false }, { enabled = true, ocsp_custom_cname = "ocsp.example.com" }, null]
    custom_cname = [
      { enabled = true, ocsp_custom_cname = "ocsp.example.com" }, { enabled = true, ocsp_custom_cname = "ocsp2.example.com" },
      local.on, null
    ]
  }
  tags    = [{ Name = "one" }, { Name = "two", Empty = "" }, { Owner = "platform" }, {}]
  enabled = [true, true, false, true]
}

resource "aws_acmpca_certificate_authority" "basic" {
  usage_mode = "SHORT_LIVED_CERTIFICATE"
  certificate_authority_configuration {
    key_algorithm     = "RSA_4096"
    signing_algorithm = "SHA512WITHRSA"
    subject { common_name = "example.com" }
  }
}

resource "aws_acmpca_certificate_authority" "empty" {
  usage_mode                    = "SHORT_LIVED_CERTIFICATE"
  key_storage_security_standard = "FIPS_140_2_LEVEL_3_OR_HIGHER"
  tags                          = local.tags[var.step]
  certificate_authority_configuration {
    key_algorithm     = "EC_prime256v1"
    signing_algorithm = "SHA256WITHECDSA"
    subject { common_name = "empty.example.com" }
  }
  revocation_configuration {}
}

resource "aws_acmpca_certificate_authority" "root" {
  enabled                         = local.enabled[var.step]
  type                            = "ROOT"
  usage_mode                      = "SHORT_LIVED_CERTIFICATE"
  permanent_deletion_time_in_days = 7
  certificate_authority_configuration {
    key_algorithm     = "RSA_2048"
    signing_algorithm = "SHA512WITHRSA"
    subject { common_name = "root.example.com" }
  }
}

resource "aws_acmpca_certificate" "root" {
  certificate_authority_arn   = aws_acmpca_certificate_authority.root.arn
  certificate_signing_request = aws_acmpca_certificate_authority.root.certificate_signing_request
  signing_algorithm           = "SHA512WITHRSA"
  template_arn                = "${local.template}/RootCACertificate/V1"
  validity {
    type  = "YEARS"
    value = 1
  }
}

resource "aws_acmpca_certificate_authority_certificate" "root" {
  certificate_authority_arn = aws_acmpca_certificate_authority.root.arn
  certificate               = aws_acmpca_certificate.root.certificate
  certificate_chain         = aws_acmpca_certificate.root.certificate_chain
}

resource "aws_acmpca_certificate_authority" "crl" {
  for_each                        = local.crl
  usage_mode                      = "SHORT_LIVED_CERTIFICATE"
  permanent_deletion_time_in_days = 7
  certificate_authority_configuration {
    key_algorithm     = "EC_prime256v1"
    signing_algorithm = "SHA256WITHECDSA"
    subject { common_name = "${replace(each.key, "_", "-")}.example.com" }
  }
  dynamic "revocation_configuration" {
    for_each = [for each in [each.value[var.step]] : each if each != null]
    content {
      crl_configuration {
        enabled            = try(revocation_configuration.value.enabled, true)
        custom_cname       = try(revocation_configuration.value.custom_cname, null)
        expiration_in_days = try(revocation_configuration.value.expiration_in_days, 1)
        s3_bucket_name     = aws_s3_bucket.crl.id
        s3_object_acl      = try(revocation_configuration.value.s3_object_acl, null)
      }
    }
  }
  depends_on = [aws_s3_bucket_policy.crl, aws_s3_bucket_public_access_block.crl, aws_s3_bucket_ownership_controls.crl]
}

resource "aws_acmpca_certificate_authority" "ocsp" {
  for_each                        = local.ocsp
  usage_mode                      = "SHORT_LIVED_CERTIFICATE"
  permanent_deletion_time_in_days = 7
  certificate_authority_configuration {
    key_algorithm     = "EC_prime256v1"
    signing_algorithm = "SHA256WITHECDSA"
    subject { common_name = "${replace(each.key, "_", "-")}.example.com" }
  }
  dynamic "revocation_configuration" {
    for_each = [for each in [each.value[var.step]] : each if each != null]
    content {
      ocsp_configuration {
        enabled           = revocation_configuration.value.enabled
        ocsp_custom_cname = try(revocation_configuration.value.ocsp_custom_cname, null)
      }
    }
  }
}

data "aws_acmpca_certificate_authority" "root" {
  arn        = aws_acmpca_certificate_authority.root.arn
  depends_on = [aws_acmpca_certificate_authority_certificate.root]
}

output "root_status" { value = data.aws_acmpca_certificate_authority.root.status }

resource "aws_s3_bucket" "crl" {
  bucket        = "acceptance-crl"
  force_destroy = true
}

resource "aws_s3_bucket_public_access_block" "crl" {
  bucket                  = aws_s3_bucket.crl.id
  block_public_acls       = false
  block_public_policy     = false
  ignore_public_acls      = false
  restrict_public_buckets = false
}

resource "aws_s3_bucket_ownership_controls" "crl" {
  bucket = aws_s3_bucket.crl.id
  rule { object_ownership = "BucketOwnerPreferred" }
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
  bucket     = aws_s3_bucket.crl.id
  policy     = data.aws_iam_policy_document.crl.json
  depends_on = [aws_s3_bucket_public_access_block.crl]
}
