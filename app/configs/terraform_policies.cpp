// IAM policies in Terraform, wherever they stand, as one list of statements.
#include <algorithm>
#include <cctype>

#include "app/configs/terraform.h"
#include "engine/base/text.h"

namespace app::configs::terraform {
namespace {

using Strings = std::vector<std::string>;

struct Statement {
  const Node* node = nullptr;
  bool allow = true;
  bool has_condition = false, has_not_action = false;
  bool principal_unknown = false;
  Strings actions, resources;
  Strings principals, federated;  // "*", account ids, ARNs
  const Node* condition = nullptr;
};

Strings lower_all(Strings all) {
  for (std::string& each : all) each = engine::to_lower_ascii(each);
  return all;
}

bool has(const Strings& all, std::string_view wanted) {
  return std::find(all.begin(), all.end(), wanted) != all.end();
}

// JSON form: Statement, Effect, Action, Resource, Principal, Condition.
Statement from_json(const Node& node) {
  Statement statement;
  statement.node = &node;
  statement.allow = node["Effect"].text != "Deny";
  statement.has_condition = !node["Condition"].empty();
  statement.condition = &node["Condition"];
  statement.has_not_action = node.has("NotAction");
  statement.actions = lower_all(node["Action"].strings());
  statement.resources = node["Resource"].strings();
  const Node& principal = node["Principal"];
  statement.principals = principal.is_map() ? principal["AWS"].strings() : principal.strings();
  statement.federated = principal["Federated"].strings();
  statement.principal_unknown = principal.is_unknown() || principal["AWS"].is_unknown();
  return statement;
}

// Block form of data "aws_iam_policy_document".
Statement from_block(const Node& node) {
  Statement statement;
  statement.node = &node;
  statement.allow = node["effect"].text != "Deny";
  statement.has_condition = !node["condition"].empty();
  statement.condition = &node["condition"];
  statement.has_not_action = node.has("not_actions");
  statement.actions = lower_all(node["actions"].strings());
  statement.resources = node["resources"].strings();
  for (const Node* principal : node["principals"].items) {
    const Strings names = (*principal)["identifiers"].strings();
    const std::string& type = (*principal)["type"].text;
    Strings& target = type == "Federated" ? statement.federated : statement.principals;
    if (type == "AWS" || type == "*" || type == "Federated")
      target.insert(target.end(), names.begin(), names.end());
  }
  return statement;
}

std::vector<Statement> statements_of(const Node& policy, Document& scratch) {
  const Node* root = &policy;
  if (policy.is_scalar()) root = read_json_into(scratch, policy.text, policy.line, policy.column);
  if (!root || !root->is_map()) return {};
  const Node& list = (*root)["Statement"];
  std::vector<Statement> out;
  if (list.is_map()) out.push_back(from_json(list));
  for (const Node* each : list.items) {
    if (each->is_map()) out.push_back(from_json(*each));
  }
  return out;
}

// Whether a granted pattern such as s3:Get* or * covers an action.
bool covers(std::string_view pattern, std::string_view action) {
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == action;
  if (action.substr(0, star) != pattern.substr(0, star)) return false;
  const std::string_view rest = pattern.substr(star + 1);
  for (size_t i = star; i <= action.size(); ++i) {
    if (covers(rest, action.substr(i))) return true;
  }
  return false;
}

bool grants_any(const Statement& statement, std::initializer_list<std::string_view> actions) {
  return std::any_of(
      statement.actions.begin(), statement.actions.end(), [&](const std::string& granted) {
        return std::any_of(actions.begin(), actions.end(),
                           [&](std::string_view action) { return covers(granted, action); });
      });
}

bool grants_all(const std::vector<Statement>& statements,
                std::initializer_list<std::string_view> actions) {
  return std::all_of(actions.begin(), actions.end(), [&](std::string_view action) {
    return std::any_of(statements.begin(), statements.end(),
                       [&](const Statement& s) { return s.allow && grants_any(s, {action}); });
  });
}

bool everywhere(const Statement& statement) { return has(statement.resources, "*"); }

bool exposes_credentials(const Statement& s) {
  return grants_any(s, {"chime:createapikey",
                        "codepipeline:pollforjobs",
                        "cognito-identity:getopenidtoken",
                        "cognito-identity:getopenidtokenfordeveloperidentity",
                        "cognito-identity:getcredentialsforidentity",
                        "connect:getfederationtoken",
                        "ec2:getpassworddata",
                        "gamelift:requestuploadcredentials",
                        "iam:createaccesskey",
                        "iam:createloginprofile",
                        "iam:createservicespecificcredential",
                        "iam:resetservicespecificcredential",
                        "iam:updateaccesskey",
                        "lightsail:getinstanceaccessdetails",
                        "lightsail:getrelationaldatabasemasteruserpassword",
                        "rds-db:connect",
                        "redshift:getclustercredentials",
                        "sso:getrolecredentials",
                        "sts:assumerole",
                        "sts:assumerolewithsaml",
                        "sts:assumerolewithwebidentity",
                        "sts:getfederationtoken",
                        "sts:getsessiontoken"});
}

bool leaks_data(const Statement& s) {
  return grants_any(s, {"s3:getobject", "ssm:getparameter", "ssm:getparameters",
                        "ssm:getparametersbypath", "secretsmanager:getsecretvalue"});
}

bool manages_permissions(const Statement& s) {
  return grants_any(s, {"iam:attachrolepolicy",
                        "iam:attachuserpolicy",
                        "iam:attachgrouppolicy",
                        "iam:putrolepolicy",
                        "iam:putuserpolicy",
                        "iam:putgrouppolicy",
                        "iam:createpolicy",
                        "iam:createpolicyversion",
                        "iam:setdefaultpolicyversion",
                        "iam:createrole",
                        "iam:createuser",
                        "iam:deleterole",
                        "iam:deletepolicy",
                        "iam:updateassumerolepolicy",
                        "iam:passrole",
                        "iam:createaccesskey",
                        "iam:createloginprofile",
                        "iam:addusertogroup",
                        "s3:putbucketpolicy",
                        "s3:deletebucketpolicy",
                        "s3:putbucketacl",
                        "s3:putobjectacl",
                        "s3:putbucketpublicaccessblock",
                        "s3:putaccountpublicaccessblock",
                        "kms:putkeypolicy",
                        "kms:creategrant",
                        "lambda:addpermission",
                        "lambda:addlayerversionpermission",
                        "sqs:addpermission",
                        "sqs:setqueueattributes",
                        "sns:addpermission",
                        "sns:settopicattributes",
                        "ecr:setrepositorypolicy",
                        "ec2:modifysnapshotattribute",
                        "ec2:modifyimageattribute",
                        "ec2:createnetworkinterfacepermission",
                        "rds:modifydbsnapshotattribute",
                        "secretsmanager:putresourcepolicy",
                        "glacier:setvaultaccesspolicy",
                        "es:updateelasticsearchdomainconfig",
                        "organizations:attachpolicy",
                        "ram:createresourceshare"});
}

bool writes(const Statement& s) {
  static constexpr std::string_view verbs[] = {
      "create",       "delete",    "put",        "update",  "modify", "run",    "start",
      "stop",         "terminate", "reboot",     "attach",  "detach", "add",    "remove",
      "set",          "send",      "publish",    "invoke",  "tag",    "untag",  "associate",
      "disassociate", "register",  "deregister", "write",   "upload", "import", "restore",
      "reset",        "replace",   "copy",       "execute", "cancel", "enable", "disable",
      "revoke",       "authorize", "batchwrite", "purge",   "change", "assume", "pass",
      "allocate",     "release"};
  return std::any_of(s.actions.begin(), s.actions.end(), [](const std::string& action) {
    const size_t colon = action.find(':');
    const std::string_view verb =
        std::string_view(action).substr(colon == std::string::npos ? 0 : colon + 1);
    return verb.starts_with('*') ||
           std::any_of(std::begin(verbs), std::end(verbs),
                       [&](std::string_view known) { return verb.starts_with(known); });
  });
}

bool escalates(const std::vector<Statement>& all) {
  for (std::string_view single :
       {"iam:createaccesskey", "iam:createloginprofile", "iam:updateloginprofile",
        "iam:attachuserpolicy", "iam:attachgrouppolicy", "iam:attachrolepolicy",
        "iam:putuserpolicy", "iam:putgrouppolicy", "iam:putrolepolicy", "iam:addusertogroup",
        "iam:createpolicyversion", "iam:setdefaultpolicyversion", "lambda:updatefunctioncode",
        "glue:updatedevendpoint", "codestar:createprojectfromtemplate"}) {
    if (grants_all(all, {single})) return true;
  }
  return grants_all(all, {"iam:updateassumerolepolicy", "sts:assumerole"}) ||
         grants_all(all, {"iam:passrole", "ec2:runinstances"}) ||
         grants_all(all, {"iam:passrole", "lambda:createfunction", "lambda:invokefunction"}) ||
         grants_all(all, {"iam:passrole", "glue:createdevendpoint"}) ||
         grants_all(all, {"iam:passrole", "cloudformation:createstack"}) ||
         grants_all(all, {"iam:passrole", "datapipeline:createpipeline"}) ||
         grants_all(all,
                    {"iam:passrole", "lambda:createfunction", "lambda:createeventsourcemapping"});
}

struct Names {  // the same findings under the ids for documents and for resources
  const char* full_admin;
  const char* all_actions;
  const char* escalation;
  const char* credentials;
  const char* exfiltration;
  const char* permissions;
  const char* write;
  const char* all_resources;
};
constexpr Names document_names = {"tf/iam-document-full-admin",   "tf/iam-document-all-actions",
                                  "tf/iam-document-escalation",   "tf/iam-document-credentials",
                                  "tf/iam-document-exfiltration", "tf/iam-document-permissions",
                                  "tf/iam-document-write",        "tf/iam-document-all-resources"};
constexpr Names policy_names = {"tf/iam-full-admin",  "tf/iam-all-actions",  "tf/iam-escalation",
                                "tf/iam-credentials", "tf/iam-exfiltration", "tf/iam-permissions",
                                "tf/iam-write",       "tf/iam-all-resources"};

void check_identity_policy(const std::vector<Statement>& all, const Names& names,
                           const std::string& subject, Report& report) {
  for (const Statement& s : all) {
    if (!s.allow) continue;
    if (has(s.actions, "*")) report.add(names.all_actions, *s.node, subject);
    if (has(s.actions, "*") && everywhere(s)) report.add(names.full_admin, *s.node, subject);
    if (!everywhere(s) || s.has_condition) continue;
    if (exposes_credentials(s)) report.add(names.credentials, *s.node, subject);
    if (leaks_data(s)) report.add(names.exfiltration, *s.node, subject);
    if (manages_permissions(s)) report.add(names.permissions, *s.node, subject);
    if (writes(s)) report.add(names.write, *s.node, subject);
    const bool only_looks =
        std::all_of(s.actions.begin(), s.actions.end(), [](const std::string& action) {
          return action.find(":describe") != std::string::npos ||
                 action.find(":list") != std::string::npos ||
                 action == "ecr:getauthorizationtoken" || action == "sts:getcalleridentity";
        });
    if (!only_looks) report.add(names.all_resources, *s.node, subject);
  }
  if (escalates(all)) report.add(names.escalation, *all.front().node, subject);
}

bool anyone(const Statement& s) {
  return std::any_of(s.principals.begin(), s.principals.end(), [](const std::string& principal) {
    return principal == "*" || principal == "arn:aws:iam::*:root";
  });
}

bool trusts_loosely_from_github(const Statement& s) {
  const bool github =
      std::any_of(s.federated.begin(), s.federated.end(), [](const std::string& name) {
        return name.find("token.actions.githubusercontent.com") != std::string::npos;
      });
  if (!github || !s.allow) return false;
  if (!s.has_condition) return true;
  bool bound = false;
  const auto look = [&](const std::string& key, const Strings& values) {
    if (!key.ends_with("githubusercontent.com:sub")) return;
    bound =
        !values.empty() && std::all_of(values.begin(), values.end(), [](const std::string& value) {
          const auto parts = engine::split(value, ':');
          return parts.size() >= 2 && parts[0] == "repo" && !parts[1].starts_with('*') &&
                 parts[1].find('/') != std::string_view::npos && !parts[1].starts_with("*/");
        });
  };
  for (const Node* block : s.condition->items)
    look((*block)["variable"].text, (*block)["values"].strings());
  for (const Node::Member& test : s.condition->members) {
    for (const Node::Member& key : test.second->members)
      look(key.first->text, key.second->strings());
  }
  return !bound;
}

struct PublicPolicy {
  const char* type;
  const char* attribute;
  const char* rule;
};
constexpr PublicPolicy public_policies[] = {
    {"aws_ecr_repository_policy", "policy", "tf/ecr-policy-public"},
    {"aws_glacier_vault", "access_policy", "tf/glacier-policy-public"},
    {"aws_sqs_queue_policy", "policy", "tf/sqs-policy-public"},
    {"aws_sqs_queue", "policy", "tf/sqs-policy-public"},
    {"aws_sns_topic_policy", "policy", "tf/sns-policy-public"},
    {"aws_s3_bucket", "policy", "tf/s3-policy-public"},
    {"aws_s3_bucket_policy", "policy", "tf/s3-policy-public"},
    {"aws_kms_key", "policy", "tf/kms-policy-public"},
};

void check_resource_policy(const std::string& type, const std::vector<Statement>& all,
                           const std::string& subject, Report& report) {
  for (const PublicPolicy& each : public_policies) {
    if (type != each.type) continue;
    for (const Statement& s : all) {
      if (s.allow && anyone(s) && !s.has_condition) report.add(each.rule, *s.node, subject);
    }
  }
  for (const Statement& s : all) {
    if (type == "aws_sqs_queue_policy" && has(s.actions, "*"))
      report.add("tf/sqs-policy-all-actions", *s.node, subject);
    const bool bucket = type == "aws_s3_bucket" || type == "aws_s3_bucket_policy";
    if (bucket && !s.allow && anyone(s) && !s.has_condition && !s.has_not_action &&
        (has(s.actions, "*") || has(s.actions, "s3:*") || has(s.actions, "s3:put*") ||
         has(s.actions, "s3:putbucketpolicy"))) {
      report.add("tf/s3-policy-lockout", *s.node, subject);
    }
    if (type == "aws_sns_topic_policy" && s.allow && !s.has_condition) {
      for (const std::string& principal : s.principals) {
        if (principal == "*" || principal.find(":root") != std::string::npos ||
            (principal.size() == 12 &&
             principal.find_first_not_of("0123456789") == std::string::npos) ||
            principal.find("arn:aws:iam::") != std::string::npos) {
          report.add("tf/sns-policy-cross-account", *s.node, subject);
          break;
        }
      }
    }
  }
}

void check_trust_policy(const std::vector<Statement>& all, const std::string& subject,
                        Report& report) {
  for (const Statement& s : all) {
    if (!s.allow) continue;
    if (anyone(s)) report.add("tf/role-trusts-everyone", *s.node, subject);
    for (const std::string& principal : s.principals) {
      const bool id =
          principal.size() == 12 && principal.find_first_not_of("0123456789") == std::string::npos;
      if ((principal.starts_with("arn:aws:iam::") && principal.ends_with(":root") &&
           !s.has_condition) ||
          (id && !s.has_condition)) {
        report.add("tf/role-trusts-account", *s.node, subject);
        break;
      }
    }
    if (trusts_loosely_from_github(s)) report.add("tf/role-trusts-github", *s.node, subject);
  }
}

}  // namespace

void check_policies(const hcl::Block& block, const std::string& subject, Report& report) {
  if (block.labels.empty()) return;
  const std::string& type = block.labels[0];
  const Node& body = *block.body;
  if (block.type == "data" && type == "aws_iam_policy_document") {
    std::vector<Statement> all;
    for (const Node* each : body["statement"].items) all.push_back(from_block(*each));
    if (all.empty()) return;
    check_identity_policy(all, document_names, subject, report);
    for (const Statement& s : all) {
      if (s.allow && anyone(s) && !s.has_condition)
        report.add("tf/iam-document-public", *s.node, subject);
      if (trusts_loosely_from_github(s)) report.add("tf/iam-document-github", *s.node, subject);
    }
    return;
  }
  if (block.type != "resource") return;
  Document scratch;
  static constexpr const char* identity_types[] = {"aws_iam_role_policy", "aws_iam_user_policy",
                                                   "aws_iam_group_policy", "aws_iam_policy",
                                                   "aws_ssoadmin_permission_set_inline_policy"};
  const bool identity = std::find(std::begin(identity_types), std::end(identity_types), type) !=
                        std::end(identity_types);
  for (const char* attribute : {"policy", "inline_policy", "access_policy"}) {
    if (!body.has(attribute)) continue;
    const auto all = statements_of(body[attribute], scratch);
    if (all.empty()) continue;
    if (identity)
      check_identity_policy(all, policy_names, subject, report);
    else
      check_resource_policy(type, all, subject, report);
  }
  if (type == "aws_iam_role")
    check_trust_policy(statements_of(body["assume_role_policy"], scratch), subject, report);
}

}  // namespace app::configs::terraform
