// SPDX-License-Identifier: MIT
// Tests of the serving rule with a time of our own.
#include "daemon/marathon/serving_rule.h"
#include "tests/support/catch.h"
#include "tests/unit/marathon/support.h"

namespace mmsd::marathon {

namespace {

using protocol::Health;
using protocol::Serving;
using protocol::TaskState;
using std::chrono::seconds;

/** One task whose state, health and time a test moves on. */
struct Scene {
    MarathonApp app;
    MarathonTask task;
    TaskMemory memory;
    Decision decision;

    Scene() {
        app.gracePeriod = seconds{300};
        app.unreachableHold = seconds{60};
        task.id = "t";
    }
    Serving at(seconds time, TaskState state, Health health = Health::NoChecks) {
        task.state = state;
        task.health = health;
        decision = decideServing(app, task, memory, test::moment(time));
        return decision.serving;
    }
};

TimePoint timeAt(seconds time) {
    return test::moment(time).steady;
}

} // namespace

TEST_CASE("serving_rule: without checks running is enough", "[marathon][serving]") {
    Scene scene;
    CHECK(scene.at(seconds{0}, TaskState::Staging) == Serving::NotRunning);
    CHECK(scene.at(seconds{1}, TaskState::Starting) == Serving::NotRunning);
    CHECK(scene.at(seconds{2}, TaskState::Running) == Serving::Yes);
    CHECK_FALSE(scene.decision.until);
}

TEST_CASE("serving_rule: Marathon's verdict decides", "[marathon][serving]") {
    Scene scene;
    CHECK(scene.at(seconds{0}, TaskState::Running, Health::Healthy) == Serving::Yes);
    CHECK(scene.at(seconds{1}, TaskState::Running, Health::Unhealthy) == Serving::Unhealthy);
    CHECK(scene.at(seconds{2}, TaskState::Running, Health::Healthy) == Serving::Yes);
}

TEST_CASE("serving_rule: a lost verdict leaves what served in service", "[marathon][serving]") {
    Scene scene;
    CHECK(scene.at(seconds{0}, TaskState::Running, Health::Healthy) == Serving::Yes);
    CHECK(scene.at(seconds{1}, TaskState::Running, Health::Unknown) == Serving::YesVerdictUnknown);
    CHECK_FALSE(scene.decision.until);
    CHECK(scene.at(seconds{9'000}, TaskState::Running, Health::Unknown) ==
          Serving::YesVerdictUnknown);
    CHECK(scene.at(seconds{9'001}, TaskState::Running, Health::Unhealthy) == Serving::Unhealthy);
}

TEST_CASE("serving_rule: checks that are added later do not stop what served",
          "[marathon][serving]") {
    Scene scene;
    CHECK(scene.at(seconds{0}, TaskState::Running, Health::NoChecks) == Serving::Yes);
    CHECK(scene.at(seconds{1}, TaskState::Running, Health::Unknown) == Serving::YesVerdictUnknown);
}

TEST_CASE("serving_rule: a lost verdict does not heal", "[marathon][serving]") {
    Scene scene;
    CHECK(scene.at(seconds{0}, TaskState::Running, Health::Unhealthy) == Serving::Unhealthy);
    CHECK(scene.at(seconds{1}, TaskState::Running, Health::Unknown) == Serving::Unhealthy);
    CHECK(scene.at(seconds{2}, TaskState::Running, Health::Healthy) == Serving::Yes);
}

TEST_CASE("serving_rule: a new task waits for its verdict for its grace period",
          "[marathon][serving]") {
    Scene scene;
    CHECK(scene.at(seconds{0}, TaskState::Running, Health::Unknown) == Serving::AwaitingVerdict);
    CHECK(scene.decision.until == timeAt(seconds{300}));
    CHECK(scene.at(seconds{299}, TaskState::Running, Health::Unknown) == Serving::AwaitingVerdict);
    CHECK(scene.at(seconds{300}, TaskState::Running, Health::Unknown) ==
          Serving::YesVerdictUnknown);
    CHECK_FALSE(scene.decision.until);
}

TEST_CASE("serving_rule: the grace period counts from the start of the task",
          "[marathon][serving]") {
    Scene scene;
    scene.task.startedAt = test::moment(seconds{-200}).wall;
    CHECK(scene.at(seconds{0}, TaskState::Running, Health::Unknown) == Serving::AwaitingVerdict);
    CHECK(scene.decision.until == timeAt(seconds{100}));

    Scene old; // a watcher that starts right after a change of leader
    old.task.startedAt = test::moment(seconds{-3'600}).wall;
    CHECK(old.at(seconds{0}, TaskState::Running, Health::Unknown) == Serving::YesVerdictUnknown);

    Scene ahead; // Marathon's clock is ahead of ours
    ahead.task.startedAt = test::moment(seconds{3'600}).wall;
    CHECK(ahead.at(seconds{0}, TaskState::Running, Health::Unknown) == Serving::AwaitingVerdict);
    CHECK(ahead.decision.until == timeAt(seconds{300}));
}

TEST_CASE("serving_rule: a task being killed drains", "[marathon][serving]") {
    Scene scene;
    CHECK(scene.at(seconds{0}, TaskState::Running, Health::Healthy) == Serving::Yes);
    CHECK(scene.at(seconds{1}, TaskState::Killing, Health::Healthy) == Serving::Draining);
}

TEST_CASE("serving_rule: an unreachable task that served is kept for a while",
          "[marathon][serving]") {
    Scene scene;
    CHECK(scene.at(seconds{0}, TaskState::Running, Health::Healthy) == Serving::Yes);
    CHECK(scene.at(seconds{10}, TaskState::Unreachable, Health::Unknown) ==
          Serving::YesUnreachable);
    CHECK(scene.decision.until == timeAt(seconds{70}));
    CHECK(scene.at(seconds{69}, TaskState::Unreachable, Health::Unknown) ==
          Serving::YesUnreachable);
    CHECK(scene.at(seconds{70}, TaskState::Unreachable, Health::Unknown) == Serving::Unreachable);
    CHECK_FALSE(scene.decision.until);
    CHECK(scene.at(seconds{71}, TaskState::Running, Health::Healthy) == Serving::Yes);
    CHECK(scene.at(seconds{100}, TaskState::Unreachable) == Serving::YesUnreachable);
    CHECK(scene.decision.until == timeAt(seconds{160}));
}

TEST_CASE("serving_rule: an unreachable task is not kept against what is known",
          "[marathon][serving]") {
    Scene unhealthy;
    CHECK(unhealthy.at(seconds{0}, TaskState::Running, Health::Healthy) == Serving::Yes);
    CHECK(unhealthy.at(seconds{1}, TaskState::Unreachable, Health::Unhealthy) ==
          Serving::Unhealthy);

    Scene neverServed;
    CHECK(neverServed.at(seconds{0}, TaskState::Unreachable) == Serving::Unreachable);

    Scene shortHold; // unreachableStrategy.inactiveAfterSeconds is 1
    shortHold.app.unreachableHold = seconds{1};
    CHECK(shortHold.at(seconds{0}, TaskState::Running) == Serving::Yes);
    CHECK(shortHold.at(seconds{1}, TaskState::Unreachable) == Serving::YesUnreachable);
    CHECK(shortHold.at(seconds{2}, TaskState::Unreachable) == Serving::Unreachable);
}

TEST_CASE("serving_rule: goes on from what an earlier run decided", "[marathon][serving]") {
    protocol::Instance instance;
    instance.taskId = "t";
    AppMemory memory;
    MarathonApp app;
    app.gracePeriod = seconds{300};
    MarathonTask task;
    task.id = "t";
    task.state = TaskState::Running;
    task.health = Health::Unknown;

    instance.serving = Serving::Yes;
    memory.restore(instance);
    CHECK(decideServing(app, task, memory.at("t"), test::moment()).serving ==
          Serving::YesVerdictUnknown);
    instance.serving = Serving::Unhealthy;
    memory.restore(instance);
    CHECK(decideServing(app, task, memory.at("t"), test::moment()).serving == Serving::Unhealthy);
    instance.serving = Serving::AwaitingVerdict;
    memory.restore(instance);
    CHECK(decideServing(app, task, memory.at("t"), test::moment()).serving ==
          Serving::AwaitingVerdict);
}

TEST_CASE("serving_rule: a task that is missing for a moment is remembered",
          "[marathon][serving]") {
    AppMemory memory;
    memory.at("t").wasServing = true;
    memory.at("u").wasServing = false;
    MarathonApp app;
    app.tasks.emplace_back().id = "u";
    memory.forgetMissing(app, timeAt(seconds{0}));
    memory.forgetMissing(app, timeAt(seconds{599}));
    CHECK(memory.at("t").wasServing);
    memory.forgetMissing(app, timeAt(seconds{600}));
    CHECK_FALSE(memory.at("t").wasServing);
}

} // namespace mmsd::marathon
