#include "milter/mail/milter_callbacks.h"

#include <gtest/gtest.h>

#include <array>

namespace tlsrpt::milter {
namespace {

struct Answer {
  sfsistat status = -1;
  unsigned long actions = 99;
  unsigned long steps = 99;
};

Answer negotiate(unsigned long actions_offered, unsigned long steps_offered) {
  Answer answer;
  unsigned long f2 = 99;
  unsigned long f3 = 99;
  answer.status = milter_description().xxfi_negotiate(nullptr, actions_offered, steps_offered, 0, 0,
                                                      &answer.actions, &answer.steps, &f2, &f3);
  EXPECT_EQ(f2, 0U);
  EXPECT_EQ(f3, 0U);
  return answer;
}

constexpr unsigned long everything = 0x1FFFFF;

TEST(MilterCallbacks, NoRightToChangeAnythingIsEverAskedFor) {
  EXPECT_EQ(milter_description().xxfi_flags, 0U);
  for (const unsigned long offered : {0UL, 0x1FFUL, 0xFFFFFFFFUL}) {
    EXPECT_EQ(negotiate(offered, everything).actions, 0U);
    EXPECT_EQ(negotiate(offered, everything).status, SMFIS_CONTINUE);
  }
}

TEST(MilterCallbacks, OnlyWhatIsNeededOfTheProtocolIsAskedFor) {
  const unsigned long steps = negotiate(0x1FF, everything).steps;
  for (const long without : {SMFIP_NOCONNECT, SMFIP_NOHELO, SMFIP_NODATA, SMFIP_NOEOH, SMFIP_NOBODY,
                             SMFIP_NOUNKNOWN, SMFIP_NORCPT, SMFIP_NR_MAIL, SMFIP_NR_HDR})
    EXPECT_NE(steps & static_cast<unsigned long>(without), 0U) << std::hex << without;
  for (const long needed : {SMFIP_NOMAIL, SMFIP_NOHDRS})
    EXPECT_EQ(steps & static_cast<unsigned long>(needed), 0U) << std::hex << needed;
}

TEST(MilterCallbacks, RecipientsAreAskedForWhereSomebodyLooksAhead) {
  MilterInbox inbox({{}, true});
  open_inbox(inbox);
  const unsigned long steps = negotiate(0x1FF, everything).steps;
  close_inbox();
  EXPECT_EQ(steps & static_cast<unsigned long>(SMFIP_NORCPT), 0U);
  EXPECT_NE(steps & static_cast<unsigned long>(SMFIP_NR_RCPT), 0U);
}

TEST(MilterCallbacks, NothingIsLeftOutThatAnOldMtaDoesNotKnow) {
  EXPECT_EQ(negotiate(0, SMFIP_NOCONNECT).steps, static_cast<unsigned long>(SMFIP_NOCONNECT));
  EXPECT_EQ(negotiate(0, 0).steps, 0U);
}

// A context that libmilter has not made is what every failure of its functions looks like.
TEST(MilterCallbacks, WhateverFailsTheAnswerIsThatMailGoesOn) {
  const smfiDesc description = milter_description();
  std::array<char, 20> address{"<u@a.example>"};
  std::array<char*, 2> arguments{address.data(), nullptr};
  EXPECT_EQ(description.xxfi_envfrom(nullptr, arguments.data()), SMFIS_NOREPLY);
  EXPECT_EQ(description.xxfi_envrcpt(nullptr, arguments.data()), SMFIS_NOREPLY);
  EXPECT_EQ(description.xxfi_header(nullptr, address.data(), nullptr), SMFIS_NOREPLY);
  EXPECT_EQ(description.xxfi_eom(nullptr), SMFIS_CONTINUE);
  EXPECT_EQ(description.xxfi_abort(nullptr), SMFIS_CONTINUE);
  EXPECT_EQ(description.xxfi_close(nullptr), SMFIS_CONTINUE);
}

}  // namespace
}  // namespace tlsrpt::milter
