// Every (state, goal, event) has a defined outcome, held against rules that are said here in other words than in the
// machine.
#include "henb-x2sec/core/link_machine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace henb::x2sec::core {
namespace {

using Event = LinkEvent;

/// The states that a link of this goal can be in.
std::set<LinkState> StatesOf(Goal goal) {
  switch (goal) {
    case Goal::kBlock:
      return {LinkState::kBlocked};
    case Goal::kEnrolSelf:
    case Goal::kEnrolPeer:
      return {LinkState::kEnrolling};
    case Goal::kCert:
      return {LinkState::kKeying, LinkState::kFailed, LinkState::kUpCert};
    case Goal::kPsk:
      return {LinkState::kKeying, LinkState::kFailed, LinkState::kUpPsk};
    case Goal::kTrusted:
      return {LinkState::kKeying, LinkState::kUpTrusted};
  }
  return {};
}

Goal GoalDecidedBy(Event event) { return kGoals[static_cast<int>(event) - static_cast<int>(Event::kDecidedBlock)]; }
bool IsDecision(Event event) { return event <= Event::kDecidedTrusted; }
bool Has(const LinkStep& step, LinkAction action) {
  return std::find(step.actions.begin(), step.actions.end(), action) != step.actions.end();
}

template <typename Check>
void ForEveryPair(Check check) {
  int pairs = 0;
  for (const Goal goal : kGoals) {
    for (const LinkState state : StatesOf(goal)) {
      for (const Event event : kLinkEvents) {
        SCOPED_TRACE(std::string(GoalName(goal)) + "/" + std::string(StateName(state)) + " + " +
                     std::string(EventName(event)));
        const Link link{state, goal};
        check(link, event, Step(link, event));
        ++pairs;
      }
    }
  }
  EXPECT_EQ(pairs, 11 * 13);
}

TEST(LinkMachine, EveryPairEndsInAStateOfItsGoal) {
  ForEveryPair([](const Link&, Event, const LinkStep& step) {
    EXPECT_TRUE(StatesOf(step.link.goal).contains(step.link.state));
  });
}

TEST(LinkMachine, OnlyADecisionChangesTheGoal) {
  ForEveryPair([](const Link& link, Event event, const LinkStep& step) {
    EXPECT_EQ(step.link.goal, IsDecision(event) ? GoalDecidedBy(event) : link.goal);
  });
}

TEST(LinkMachine, UpOnlyThroughProof) {
  ForEveryPair([](const Link& link, Event event, const LinkStep& step) {
    const bool became_up = IsUp(step.link.state) && !IsUp(link.state);
    EXPECT_EQ(became_up, Has(step, LinkAction::kReportUp));
    if (became_up) {
      EXPECT_EQ(event, Event::kProven);
    }
  });
}

TEST(LinkMachine, EveryEndOfUpIsReported) {
  ForEveryPair([](const Link& link, Event, const LinkStep& step) {
    EXPECT_EQ(IsUp(link.state) && !IsUp(step.link.state), Has(step, LinkAction::kReportDown));
  });
}

TEST(LinkMachine, R16LeavingAStateIsReconciledBeforeAnythingBegins) {
  ForEveryPair([](const Link&, Event, const LinkStep& step) {
    const auto begin = std::find_if(step.actions.begin(), step.actions.end(),
                                    [](LinkAction a) { return a == LinkAction::kBegin || a == LinkAction::kInitiate; });
    if (begin == step.actions.end()) return;
    EXPECT_NE(std::find(step.actions.begin(), begin, LinkAction::kReconcile), begin);
  });
}

TEST(LinkMachine, BlockedOrWaitingForOurselvesNeverNegotiates) {
  ForEveryPair([](const Link&, Event, const LinkStep& step) {
    if (step.link.goal != Goal::kBlock && step.link.goal != Goal::kEnrolSelf) return;
    EXPECT_FALSE(Has(step, LinkAction::kBegin) || Has(step, LinkAction::kInitiate) ||
                 Has(step, LinkAction::kScheduleRetry));
  });
}

TEST(LinkMachine, R7FailureNeverChangesTheGoal) {
  for (const Goal goal : {Goal::kCert, Goal::kPsk}) {
    const LinkStep step = Step({LinkState::kKeying, goal}, Event::kAttemptFailed);
    EXPECT_EQ(step.link, (Link{LinkState::kFailed, goal}));
    EXPECT_EQ(step.actions,
              (std::vector{LinkAction::kReportFailure, LinkAction::kReconcile, LinkAction::kScheduleRetry}));
  }
}

TEST(LinkMachine, R9WaitingForThePeerStaysEnrollingWhileItTries) {
  const Link waiting{LinkState::kEnrolling, Goal::kEnrolPeer};
  const LinkStep failed = Step(waiting, Event::kAttemptFailed);
  EXPECT_EQ(failed.link, waiting);
  EXPECT_TRUE(Has(failed, LinkAction::kScheduleRetry));
  const LinkStep again = Step(waiting, Event::kRetryDue);
  EXPECT_EQ(again.link, waiting);
  EXPECT_TRUE(Has(again, LinkAction::kInitiate));
}

TEST(LinkMachine, R5IkeWithTheOperatorCertificateIsTheProofThatThePeerHasEnrolled) {
  const Link waiting{LinkState::kEnrolling, Goal::kEnrolPeer};
  const LinkStep proven = Step(waiting, Event::kProven);
  EXPECT_EQ(proven.link, waiting);
  EXPECT_TRUE(Has(proven, LinkAction::kMarkPeerEnrolled));
  const LinkStep decided = Step(waiting, Event::kDecidedCert);
  EXPECT_EQ(decided.link, (Link{LinkState::kKeying, Goal::kCert}));
  EXPECT_EQ(Step(decided.link, Event::kProven).link.state, LinkState::kUpCert);
}

TEST(LinkMachine, WaitingForOurselvesAsksForEnrolment) {
  for (const Goal goal : kGoals) {
    if (goal == Goal::kEnrolSelf) continue;
    EXPECT_TRUE(Has(Step({*StatesOf(goal).begin(), goal}, Event::kDecidedEnrolSelf), LinkAction::kRequestEnrolment));
  }
}

TEST(LinkMachine, TooOldDropsTheSasAndStartsAnew) {
  const LinkStep step = Step({LinkState::kUpPsk, Goal::kPsk}, Event::kTooOld);
  EXPECT_EQ(step.link.state, LinkState::kKeying);
  EXPECT_TRUE(Has(step, LinkAction::kDropSas));
  EXPECT_TRUE(Step({LinkState::kUpTrusted, Goal::kTrusted}, Event::kTooOld).actions.empty());
}

TEST(LinkMachine, R16WhatIsLostIsNotUpAndBeginsAnew) {
  for (const auto& [state, goal] : {std::pair{LinkState::kUpCert, Goal::kCert},
                                    {LinkState::kUpPsk, Goal::kPsk},
                                    {LinkState::kUpTrusted, Goal::kTrusted}}) {
    const LinkStep step = Step({state, goal}, Event::kLost);
    EXPECT_EQ(step.link, (Link{LinkState::kKeying, goal}));
    EXPECT_EQ(step.actions, (std::vector{LinkAction::kReportDown, LinkAction::kReconcile, LinkAction::kBegin}));
  }
  EXPECT_TRUE(Step({LinkState::kKeying, Goal::kCert}, Event::kLost).actions.empty());
}

TEST(LinkMachine, OtherConnectionsMeanThatTheOldOnesCountForNothing) {
  for (const Goal goal : {Goal::kCert, Goal::kPsk, Goal::kTrusted}) {
    for (const LinkState state : StatesOf(goal)) {
      const LinkStep step = Step({state, goal}, Event::kConnectionsChanged);
      EXPECT_EQ(step.link, (Link{LinkState::kKeying, goal}));
      EXPECT_TRUE(Has(step, LinkAction::kReconcile) && Has(step, LinkAction::kBegin));
    }
  }
}

TEST(LinkMachine, WhenItsTimeHasComeItInitiatesUnlessItIsUp) {
  for (const Event event : {Event::kRetryDue, Event::kTakeoverDue}) {
    EXPECT_TRUE(Has(Step({LinkState::kFailed, Goal::kCert}, event), LinkAction::kInitiate));
    EXPECT_TRUE(Has(Step({LinkState::kKeying, Goal::kPsk}, event), LinkAction::kInitiate));
    EXPECT_TRUE(Step({LinkState::kUpCert, Goal::kCert}, event).actions.empty());
    EXPECT_TRUE(Step({LinkState::kKeying, Goal::kTrusted}, event).actions.empty());
  }
}

TEST(LinkMachine, TheSameDecisionAgainDoesNothing) {
  ForEveryPair([](const Link& link, Event event, const LinkStep& step) {
    if (!IsDecision(event) || GoalDecidedBy(event) != link.goal) return;
    EXPECT_EQ(step, (LinkStep{link, {}}));
  });
}

TEST(LinkMachine, NamesAreThoseOfTheDesign) {
  EXPECT_EQ(StateName(LinkState::kUpTrusted), "UP_TRUSTED");
  EXPECT_EQ(StateName(LinkState::kEnrolling), "ENROLLING");
  EXPECT_EQ(EventName(Event::kTooOld), "too_old");
  EXPECT_EQ(GoalName(Goal::kTrusted), "trusted");
}

}  // namespace
}  // namespace henb::x2sec::core
