#include "reporter/command/table.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "policy/text.h"

namespace tlsrpt::reporter {
namespace {

constexpr std::string_view gap = "  ";
constexpr std::string_view ellipsis = "...";
// A text column is not made narrower, so that what is wrapped stays readable.
constexpr std::size_t least_width = 10;

// The octets of the character at the beginning of TEXT. REQUIRES: TEXT is UTF-8 and not empty.
std::size_t character_size(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  const std::size_t size = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  return std::min(size, text.size());
}

// From U+1100 on (E1 84 80) characters may take two columns; more is counted than need be.
std::size_t character_width(std::string_view character) {
  return character >= "\xE1\x84\x80" ? 2 : 1;
}

// The octets of the longest beginning of TEXT that fits WIDTH columns.
std::size_t fitting_size(std::string_view text, std::size_t width) {
  std::size_t size = 0;
  std::size_t used = 0;
  while (size < text.size()) {
    const std::size_t octets = character_size(text.substr(size));
    used += character_width(text.substr(size, octets));
    if (used > width) break;
    size += octets;
  }
  return size;
}

// The octets of TEXT that the next line takes: up to a good place to break in its second half,
// else as much as fits.
std::size_t line_size(std::string_view text, std::size_t width) {
  const std::size_t size = fitting_size(text, width);
  if (size == text.size()) return size;
  const std::size_t place = text.substr(0, size).find_last_of(" .-:/,_@!");
  return place != std::string_view::npos && place >= size / 2 ? place + 1 : size;
}

std::string padding(std::size_t columns) {
  std::string blanks;
  blanks.resize(columns, ' ');
  return blanks;
}

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const std::size_t octets = character_size(text);
    width += character_width(text.substr(0, octets));
    text.remove_prefix(octets);
  }
  return width;
}

std::vector<std::string> wrap_text(std::string_view text, std::size_t width,
                                   std::size_t max_lines) {
  if (display_width(text) <= width) return {std::string(text)};
  assert(width > ellipsis.size() && max_lines > 0);
  std::vector<std::string> lines;
  while (lines.size() + 1 < max_lines && display_width(text) > width) {
    const std::size_t size = line_size(text, width);
    lines.emplace_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  if (display_width(text) <= width) {
    lines.emplace_back(text);
  } else {
    lines.emplace_back(text.substr(0, fitting_size(text, width - ellipsis.size())));
    lines.back() += ellipsis;
  }
  return lines;
}

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

void Table::add_row(const std::vector<std::string>& cells) {
  assert(cells.size() == columns_.size());
  std::vector<std::string> row;
  row.reserve(cells.size());
  for (const std::string& cell : cells) row.push_back(policy::escape_untrusted(cell));
  rows_.push_back(std::move(row));
}

std::vector<std::size_t> Table::fit_columns(std::size_t width) const {
  std::vector<std::size_t> widths(columns_.size());
  std::size_t total = 0;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    for (const auto& row : rows_) widths[i] = std::max(widths[i], display_width(row[i]));
    if (widths[i] == 0 && columns_[i].presence == Presence::where_filled) continue;
    widths[i] = std::max(widths[i], display_width(columns_[i].title));
    total += widths[i] + (total > 0 ? gap.size() : 0);
  }
  // What is too much is taken from the widest text column, again and again.
  while (total > width) {
    std::size_t widest = columns_.size();
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].kind == Kind::number || widths[i] <= least_width) continue;
      if (widest == columns_.size() || widths[i] > widths[widest]) widest = i;
    }
    if (widest == columns_.size()) break;
    --widths[widest];
    --total;
  }
  return widths;
}

std::string Table::text(std::size_t indent, std::size_t width) const {
  const std::vector<std::size_t> widths = fit_columns(width - std::min(indent, width));
  std::string out;
  const auto add_line = [&](const std::vector<std::string>& cells) {
    std::string line = padding(indent);
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (widths[i] == 0) continue;
      if (line.size() > indent) line += gap;
      const std::string pad = padding(widths[i] - std::min(widths[i], display_width(cells[i])));
      const bool right = columns_[i].kind == Kind::number;
      line.append(right ? pad : "").append(cells[i]).append(right ? "" : pad);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  };
  const auto add_cells = [&](const std::vector<std::string>& cells) {
    std::vector<std::vector<std::string>> wrapped;
    std::size_t height = 1;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const bool cut = columns_[i].kind == Kind::text && widths[i] > 0;
      wrapped.push_back(cut ? wrap_text(cells[i], widths[i], max_cell_lines)
                            : std::vector<std::string>{cells[i]});
      height = std::max(height, wrapped.back().size());
    }
    for (std::size_t line = 0; line < height; ++line) {
      std::vector<std::string> pieces;
      for (const auto& lines : wrapped) pieces.push_back(line < lines.size() ? lines[line] : "");
      add_line(pieces);
    }
  };
  std::vector<std::string> titles;
  titles.reserve(columns_.size());
  for (const Column& column : columns_) titles.push_back(column.title);
  add_cells(titles);
  for (const auto& row : rows_) add_cells(row);
  return out;
}

}  // namespace tlsrpt::reporter
