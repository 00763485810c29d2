// Whatever happens to the log, and whenever the reader dies: its text is read once, in order.
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>

#include "milter/log/log_follower.h"
#include "tests/milter/log_world.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::milter {
namespace {

constexpr std::size_t line_max = 1100;

// A reader that keeps text and position together, as a store does, and may die between.
class Reader {
 public:
  Reader(const std::string& path, std::mt19937* random)
      : path_(path), random_(*random), clock_("2026-11-24T12:00:00Z") {
    start();
  }

  // Reads up to COUNT blocks; whether there was nothing more.
  bool read(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      const auto block = follower_->next();
      // Renamed, and nothing under the name yet.
      if (!block.ok() && block.error().code() == policy::Errc::not_found) return true;
      if (!block.ok()) {
        ADD_FAILURE() << block.error().message();
        return true;
      }
      if (block->text.empty()) return true;
      text_ += block->text;
      if (random_() % 2 == 0) commit();
    }
    return false;
  }
  void commit() {
    kept_text_ = text_;
    kept_position_ = follower_->position();
  }
  void die() {
    text_ = kept_text_;
    start();
  }
  const std::string& text() const { return text_; }
  std::vector<std::string> notices() { return follower_->take_notices(); }

 private:
  void start() {
    LogFollowerLimits limits;
    limits.line_max = line_max;
    limits.buffer_bytes = line_max + 2 + random_() % 2000;
    follower_ = std::make_unique<LogFollower>(path_, *StampParser::make("UTC"), clock_, limits);
    const auto restored = follower_->restore(kept_position_);
    EXPECT_TRUE(restored.ok()) << kept_position_;
  }

  std::string path_;
  std::mt19937& random_;
  testing_support::FakeClock clock_;
  std::unique_ptr<LogFollower> follower_;
  std::string text_;
  std::string kept_text_;
  std::string kept_position_;
};

void change(LogWorld* world, std::mt19937* random, bool with_copytruncate) {
  std::mt19937& dice = *random;
  switch (dice() % 12) {
    case 0:
      if (world->is_renamed()) {
        world->reopen();
      } else if (with_copytruncate && dice() % 2 == 0) {
        world->copy_and_truncate();
      } else {
        world->rename_away(dice() % 2 == 0);
      }
      break;
    case 1:
      if (world->is_renamed()) world->reopen();
      break;
    case 2:
      world->begin_gzip(dice() % 3);
      break;
    case 3:
      world->end_gzip();
      break;
    case 4:  // A part of a line, perhaps of an overlong one.
      world->write(std::string(dice() % 900, 'p'), false, std::chrono::seconds(dice() % 3));
      break;
    default:
      for (unsigned lines = dice() % 8; lines > 0; --lines) {
        world->write(std::string(dice() % (dice() % 20 == 0 ? 3000 : 200), 'x'), true,
                     std::chrono::seconds(dice() % 3));
      }
  }
}

// One life of a log. Returns whether all went well.
bool run(unsigned seed) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const testing_support::TempDir dir;
  LogWorld world(dir.file("mail.log"), seed % 2 == 0 ? Naming::numbers : Naming::dates, line_max);
  Reader reader(world.path(), &random);
  reader.read(1);
  reader.commit();
  for (int step = 0; step < 150; ++step) {
    change(&world, &random, seed % 3 != 0);
    switch (random() % 6) {
      case 0:
        reader.die();
        break;
      case 1:
        reader.read(1 + random() % 4);
        break;
      case 2:
        reader.read(1000);
        reader.commit();
        break;
      default:
        break;
    }
  }
  if (world.is_renamed()) world.reopen();
  world.write("the last line", true, std::chrono::seconds(1));
  EXPECT_TRUE(reader.read(100000));
  for (const std::string& notice : reader.notices()) ADD_FAILURE() << notice;
  if (reader.text() == world.text()) return true;
  const auto [have, want] = std::mismatch(reader.text().begin(), reader.text().end(),
                                          world.text().begin(), world.text().end());
  const auto place = static_cast<std::size_t>(want - world.text().begin());
  ADD_FAILURE() << "differs at byte " << place << " of " << world.text().size() << " (have "
                << reader.text().size() << ")\nwant: " << world.text().substr(place, 200)
                << "\nhave: " << reader.text().substr(place, 200);
  return false;
}

TEST(LogFollowerProperty, EveryLogIsReadOnceAndInOrderWhateverHappens) {
  // Some ten seconds with sanitizers; 1,500 have been run.
  for (unsigned seed = 1; seed <= 100; ++seed) {
    if (!run(seed)) break;
  }
}

}  // namespace
}  // namespace tlsrpt::milter
