# The certificates of the provider's acceptance tests: TestAccACMPCACertificate_rootCertificate,
# _rootCertificateWithAPIPassthrough, _subordinateCertificate, _endEntityCertificate, _Validity_endDate, _Validity_absolute.
# The waiting roots are never installed, as in those of the provider.

locals {
  names = jsonencode({ Extensions = { SubjectAlternativeNames = [{ DnsName = "root.example.com" }] } })
  waiting = {
    RootCACertificate                     = null
    RootCACertificate_APIPassthrough      = local.names
    BlankRootCACertificate_APIPassthrough = local.names
  }
  leaves = {
    days     = { type = "DAYS", value = "1" }
    end_date = { type = "END_DATE", value = var.end_date }
    absolute = { type = "ABSOLUTE", value = tostring(var.absolute) }
  }
}

variable "absolute" { type = number }

resource "aws_acmpca_certificate_authority" "waiting" {
  for_each                        = local.waiting
  type                            = "ROOT"
  permanent_deletion_time_in_days = 7
  certificate_authority_configuration {
    key_algorithm     = "RSA_4096"
    signing_algorithm = "SHA512WITHRSA"
    subject { common_name = "example.com" }
  }
}

resource "aws_acmpca_certificate" "waiting" {
  for_each                    = local.waiting
  certificate_authority_arn   = aws_acmpca_certificate_authority.waiting[each.key].arn
  certificate_signing_request = aws_acmpca_certificate_authority.waiting[each.key].certificate_signing_request
  signing_algorithm           = "SHA512WITHRSA"
  template_arn                = "${local.template}/${each.key}/V1"
  api_passthrough             = each.value
  validity {
    type  = "YEARS"
    value = 1
  }
}

resource "aws_acmpca_certificate_authority" "root" {
  type                            = "ROOT"
  permanent_deletion_time_in_days = 7
  certificate_authority_configuration {
    key_algorithm     = "RSA_4096"
    signing_algorithm = "SHA512WITHRSA"
    subject { common_name = "example.com" }
  }
}

resource "aws_acmpca_certificate" "root" {
  certificate_authority_arn   = aws_acmpca_certificate_authority.root.arn
  certificate_signing_request = aws_acmpca_certificate_authority.root.certificate_signing_request
  signing_algorithm           = "SHA512WITHRSA"
  template_arn                = "${local.template}/RootCACertificate/V1"
  validity {
    type  = "YEARS"
    value = 2
  }
}

resource "aws_acmpca_certificate_authority_certificate" "root" {
  certificate_authority_arn = aws_acmpca_certificate_authority.root.arn
  certificate               = aws_acmpca_certificate.root.certificate
  certificate_chain         = aws_acmpca_certificate.root.certificate_chain
}

resource "aws_acmpca_certificate_authority" "subordinate" {
  type                            = "SUBORDINATE"
  permanent_deletion_time_in_days = 7
  certificate_authority_configuration {
    key_algorithm     = "RSA_2048"
    signing_algorithm = "SHA512WITHRSA"
    subject { common_name = "sub.example.com" }
  }
}

resource "aws_acmpca_certificate" "subordinate" {
  certificate_authority_arn   = aws_acmpca_certificate_authority.root.arn
  certificate_signing_request = aws_acmpca_certificate_authority.subordinate.certificate_signing_request
  signing_algorithm           = "SHA512WITHRSA"
  template_arn                = "${local.template}/SubordinateCACertificate_PathLen0/V1"
  validity {
    type  = "YEARS"
    value = 1
  }
  depends_on = [aws_acmpca_certificate_authority_certificate.root]
}

resource "aws_acmpca_certificate" "leaf" {
  for_each                    = local.leaves
  certificate_authority_arn   = aws_acmpca_certificate_authority.root.arn
  certificate_signing_request = var.csr_pem
  signing_algorithm           = "SHA256WITHRSA"
  template_arn                = "${local.template}/EndEntityCertificate/V1"
  validity {
    type  = each.value.type
    value = each.value.value
  }
  depends_on = [aws_acmpca_certificate_authority_certificate.root]
}

output "chains" { value = { for name, each in aws_acmpca_certificate.leaf : name => each.certificate_chain } }
output "waiting_chains" { value = [for each in aws_acmpca_certificate.waiting : each.certificate_chain] }
