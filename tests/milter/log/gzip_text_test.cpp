#include "milter/log/gzip_text.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "policy/unique_fd.h"
#include "tests/milter/log_world.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::milter {
namespace {

class GzipTextTest : public testing::Test {
 protected:
  // All text of DATA as a file, and a word for how it ends.
  std::string read(const std::string& data, std::size_t at_once = 100'000) {
    const std::string path = dir.file("data" + std::to_string(++files_));
    append_to(path, data);
    const policy::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    GzipText gzip(fd.get());
    std::string text;
    std::vector<char> buffer(at_once);
    while (true) {
      const auto got = gzip.read(text.size(), buffer);
      if (!got.ok()) return text + "<" + got.error().message() + ">";
      if (*got == 0) return text;
      text.append(buffer.data(), *got);
    }
  }

  testing_support::TempDir dir;

 private:
  int files_ = 0;
};

TEST_F(GzipTextTest, EveryBitBeforeTheDamageIsRead) {
  std::mt19937 random(8460);
  std::string text;
  for (int i = 0; i < 5000; ++i) text += std::to_string(random()) + "\n";
  const std::string whole = gzipped(text);
  EXPECT_EQ(read(whole), text);
  for (const std::size_t cut : {whole.size() / 4, whole.size() / 2, whole.size() - 1}) {
    const std::string got = read(whole.substr(0, cut), cut);
    const std::size_t end = got.find('<');
    ASSERT_NE(end, std::string::npos) << cut;
    EXPECT_EQ(got.substr(end), "<damaged gzip data (unexpected end of file)>");
    EXPECT_TRUE(text.starts_with(got.substr(0, end)));
    EXPECT_GT(end, text.size() / whole.size() * cut * 8 / 10);
  }
  std::string flipped = whole;
  flipped[whole.size() - 8] ^= 1;  // In the checksum.
  EXPECT_EQ(read(flipped), text + "<damaged gzip data (incorrect data check)>");
}

TEST_F(GzipTextTest, MembersFollowEachOtherAndPaddingIsIgnored) {
  EXPECT_EQ(read(gzipped("one\n") + gzipped("") + gzipped("two\n")), "one\ntwo\n");
  EXPECT_EQ(read(gzipped("one\n") + std::string(512, '\0')), "one\n");
  EXPECT_EQ(read(gzipped("one\n") + "garbage"), "one\n");
  EXPECT_EQ(read(gzipped("")), "");
}

TEST_F(GzipTextTest, GoingBackBeginsAnew) {
  const std::string path = dir.file("data");
  append_to(path, gzipped("0123456789"));
  const policy::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  GzipText gzip(fd.get());
  std::vector<char> buffer(4);
  const auto at = [&](std::uint64_t offset) {
    const auto got = gzip.read(offset, buffer);
    EXPECT_TRUE(got.ok());
    return std::string(buffer.data(), got.ok() ? *got : 0);
  };
  EXPECT_EQ(at(4), "4567");
  EXPECT_EQ(at(0), "0123");
  EXPECT_EQ(at(8), "89");
  EXPECT_EQ(at(100), "");
  EXPECT_EQ(at(3), "3456");
}

TEST_F(GzipTextTest, AnyBytesGiveTextOrAnError) {
  std::mt19937 random(8461);
  std::string text;
  for (int i = 0; i < 300; ++i) text += std::to_string(random()) + "\n";
  const std::string whole = gzipped(text);
  for (int i = 0; i < 300; ++i) {
    std::string data = whole;
    for (unsigned change = 1 + random() % 4; change > 0; --change) {
      data[random() % data.size()] = static_cast<char>(random());
    }
    data.resize(random() % (data.size() + 1));
    EXPECT_LE(read(data).size(), 10'000'000U);
  }
}

}  // namespace
}  // namespace tlsrpt::milter
