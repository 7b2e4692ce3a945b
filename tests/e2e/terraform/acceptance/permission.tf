# TestAccACMPCAPermission_basic and _sourceAccount.

locals {
  source_accounts = { basic = null, source_account = data.aws_caller_identity.current.account_id }
}

resource "aws_acmpca_certificate_authority" "test" {
  for_each                        = local.source_accounts
  permanent_deletion_time_in_days = 7
  certificate_authority_configuration {
    key_algorithm     = "RSA_2048"
    signing_algorithm = "SHA512WITHRSA"
    subject { common_name = "example.com" }
  }
}

resource "aws_acmpca_permission" "test" {
  for_each                  = local.source_accounts
  certificate_authority_arn = aws_acmpca_certificate_authority.test[each.key].arn
  principal                 = "acm.amazonaws.com"
  actions                   = ["IssueCertificate", "GetCertificate", "ListPermissions"]
  source_account            = each.value
}

output "account" { value = data.aws_caller_identity.current.account_id }
output "source_accounts" { value = [for each in aws_acmpca_permission.test : each.source_account] }
output "policies" { value = [for each in aws_acmpca_permission.test : each.policy] }
