// Table: rows of texts in columns that fit a terminal.
//
// Every cell is escaped (policy::escape_untrusted): cells may hold what strangers chose.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tlsrpt::reporter {

// The columns that a table of ours may take.
inline constexpr std::size_t table_width = 100;
// Lines that a long cell is wrapped into; what is longer ends in "...".
inline constexpr std::size_t max_cell_lines = 4;

// Columns that TEXT takes on a terminal, at most: wide characters count twice. REQUIRES: UTF-8.
std::size_t display_width(std::string_view text);

// TEXT in lines of at most WIDTH columns, at most MAX_LINES of them; broken after
// blanks, dots, hyphens and the like where that is possible. Never empty. REQUIRES: UTF-8; a WIDTH
// of at least 4, unless TEXT fits.
std::vector<std::string> wrap_text(std::string_view text, std::size_t width, std::size_t max_lines);

class Table {
 public:
  enum class Kind : std::uint8_t {
    text,    // To the left; wrapped where the table would be too wide.
    number,  // To the right; never cut.
  };
  enum class Presence : std::uint8_t {
    where_filled,  // Left out where it is empty in all rows.
    always,
  };
  struct Column {
    std::string title;
    Kind kind = Kind::text;
    Presence presence = Presence::where_filled;
  };

  explicit Table(std::vector<Column> columns);

  // REQUIRES: as many cells as columns.
  void add_row(const std::vector<std::string>& cells);
  bool empty() const { return rows_.empty(); }

  // Title line and rows, each line INDENT columns to the right and ended by a newline, in WIDTH
  // columns altogether.
  std::string text(std::size_t indent = 0, std::size_t width = table_width) const;

 private:
  std::vector<std::size_t> fit_columns(std::size_t width) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;  // Escaped.
};

}  // namespace tlsrpt::reporter
