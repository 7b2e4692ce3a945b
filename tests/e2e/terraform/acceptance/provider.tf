# What the configurations of this folder share: the provider, and a bucket for CRLs as its acceptance tests make one.

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

variable "step" {
  type    = number
  default = 0
}

provider "aws" {
  region                      = "us-east-1"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  s3_use_path_style           = true

  endpoints {
    acmpca = var.acm_pca_url
    s3     = var.s3_url
    sts    = var.acm_pca_url
  }
}

data "aws_partition" "current" {}
data "aws_caller_identity" "current" {}

locals {
  template = "arn:${data.aws_partition.current.partition}:acm-pca:::template"
}
