# TestAccACMPCAPolicy_basic: the CA's own account is the principal, and both statements have the same Sid.

resource "aws_acmpca_certificate_authority" "test" {
  permanent_deletion_time_in_days = 7
  certificate_authority_configuration {
    key_algorithm     = "RSA_2048"
    signing_algorithm = "SHA512WITHRSA"
    subject { common_name = "example.com" }
  }
}

resource "aws_acmpca_policy" "test" {
  resource_arn = aws_acmpca_certificate_authority.test.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "1"
        Effect    = "Allow"
        Principal = { AWS = data.aws_caller_identity.current.account_id }
        Action = [
          "acm-pca:DescribeCertificateAuthority", "acm-pca:GetCertificate",
          "acm-pca:GetCertificateAuthorityCertificate", "acm-pca:ListPermissions", "acm-pca:ListTags",
        ]
        Resource = aws_acmpca_certificate_authority.test.arn
      },
      {
        Sid       = "1"
        Effect    = "Allow"
        Principal = { AWS = data.aws_caller_identity.current.account_id }
        Action    = ["acm-pca:IssueCertificate"]
        Resource  = aws_acmpca_certificate_authority.test.arn
        Condition = { StringEquals = { "acm-pca:TemplateArn" = "${local.template}/EndEntityCertificate/V1" } }
      },
    ]
  })
}
