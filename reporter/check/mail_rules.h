// The checks of where reports by mail can go, and of how their bounces come back.
#pragma once

#include <string>
#include <vector>

#include "reporter/check/check_facts.h"

namespace tlsrpt::reporter {

// Whether POSTFIX takes what verp_delimiter adds to mail_from for an extension, also where it looks
// the sender up; true where nothing is added.
bool knows_verp(const CheckFacts& facts, const PostfixFacts& postfix);
// The commands that let it.
std::vector<std::string> let_know_verp(const CheckFacts& facts, const PostfixFacts& postfix);

// "bounces": whether a Postfix that receives mail for mail_from's domain knows the addresses that
// verp_delimiter makes of it.
void check_bounces(const CheckFacts& facts, std::vector<CheckFinding>* findings);

// "smtputf8": whether Postfix sends to addresses beyond ASCII only where that is offered
// (RFC 6531, 3.1).
void check_smtputf8(const CheckFacts& facts, std::vector<CheckFinding>* findings);

}  // namespace tlsrpt::reporter
