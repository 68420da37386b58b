// app/configs/terraform.h: checks of Terraform blocks that are more than a condition on attributes.
#pragma once
#include <string>

#include "app/configs/hcl_parser.h"
#include "app/configs/rule_book.h"

namespace app::configs::terraform {

// IAM policies: documents (data "aws_iam_policy_document") and JSON in attributes.
void check_policies(const hcl::Block& block, const std::string& subject, Report& report);

// Resources of the Kubernetes provider, by the checks for manifests.
void check_kubernetes(const hcl::Block& block, const std::string& subject, Report& report);

}  // namespace app::configs::terraform
