#include "reporter/check/mail_rules.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "policy/text.h"
#include "reporter/check/postfix_mend.h"

namespace tlsrpt::reporter {
namespace {

// Whether DOMAIN is in the parameter NAME; of lists in tables nothing is known.
bool lists(const PostfixFacts& postfix, std::string_view name, std::string_view domain) {
  std::string names = policy::to_lower(value(postfix, name));
  std::replace(names.begin(), names.end(), ',', ' ');
  const auto words = policy::split_words(names);
  return std::find(words.begin(), words.end(), domain) != words.end();
}

bool receives(const PostfixFacts& postfix, std::string_view domain) {
  return lists(postfix, "mydestination", domain) ||
         lists(postfix, "virtual_alias_domains", domain) ||
         lists(postfix, "virtual_mailbox_domains", domain);
}

}  // namespace

bool knows_verp(const CheckFacts& facts, const PostfixFacts& postfix) {
  return facts.verp_delimiter == '\0' ||
         value(postfix, "recipient_delimiter").find(facts.verp_delimiter) != std::string::npos;
}

std::vector<std::string> let_know_verp(const CheckFacts& facts, const PostfixFacts& postfix) {
  return {postconf_of(postfix) + " -e 'recipient_delimiter=" +
              value(postfix, "recipient_delimiter") + facts.verp_delimiter + "'",
          reload_of(postfix)};
}

void check_bounces(const CheckFacts& facts, std::vector<CheckFinding>* findings) {
  const std::size_t at = facts.mail_from.rfind('@');
  if (at == std::string::npos) return;
  const std::string domain = policy::to_lower(std::string_view(facts.mail_from).substr(at + 1));
  for (const PostfixFacts& postfix : facts.postfix) {
    if (!postfix.problem.empty() || !receives(postfix, domain)) continue;
    if (knows_verp(facts, postfix)) continue;
    findings->push_back({CheckFinding::Level::fault, "bounces",
                         "bounces of reports are refused: recipient_delimiter \"" +
                             value(postfix, "recipient_delimiter") +
                             "\" does not hold the verp_delimiter \"" + facts.verp_delimiter + '"',
                         let_know_verp(facts, postfix)});
  }
}

void check_smtputf8(const CheckFacts& facts, std::vector<CheckFinding>* findings) {
  for (const PostfixFacts& postfix : facts.postfix) {
    if (value(postfix, "smtputf8_enable") != "no") continue;
    findings->push_back(
        {CheckFinding::Level::hint,
         "smtputf8",
         "smtputf8_enable is no: reports to addresses beyond ASCII go to servers that may not know "
         "such addresses",
         {postconf_of(postfix) + " -e 'smtputf8_enable=yes'", reload_of(postfix)}});
  }
}

}  // namespace tlsrpt::reporter
