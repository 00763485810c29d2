// The check whether Postfix knows our milter, shows it all mail, and can reach it. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reporter/check/check_facts.h"

namespace tlsrpt::reporter {

// How milters are named in smtpd_milters: ours, relative to the queue directory, so that it means
// the same with chroot and without.
std::string milter_name(const CheckFacts& facts, const PostfixFacts& postfix);

// The milters of a list as smtpd_milters is one, without their own settings: "unix:/a", "inet:b:1".
std::vector<std::string> listed_milters(std::string_view list);

// Whether MILTER, of such a list, is ours for SERVICE, which may be chrooted.
bool is_our_milter(const CheckFacts& facts, const PostfixFacts& postfix,
                   const PostfixService& service, std::string_view milter);

void check_milter(const CheckFacts& facts, CheckFindings* findings);

}  // namespace tlsrpt::reporter
