#include "ui/widgets/text.h"

#include <algorithm>
#include <cmath>

#include "engine/base/text.h"

namespace ui {
namespace {

// A run of one span on one line.
struct Piece {
  float x, width;
  int line;
  size_t begin, end;    // bytes of the whole text
  int span;
};

struct Layout {
  std::string whole;                // all spans together
  std::vector<Piece> pieces;
  int n_lines = 1;
  float width = 0;
};

class Breaker {
 public:
  Breaker(Ui& ui, std::span<const Span> spans, float width, bool wrap)
      : ui_(ui), spans_(spans), limit_(wrap ? width : 1e9f), size_(ImGui::GetFontSize()) {}

  Layout run() {
    size_t total = 0;
    for (const Span& span : spans_) total += span.text.size();
    layout_.whole.reserve(total);
    for (size_t s = 0; s < spans_.size(); ++s) add_span(int(s));
    layout_.n_lines = line_ + 1;
    return std::move(layout_);
  }

 private:
  float measure(const ImFont* font, size_t begin, size_t end) const {
    const char* base = layout_.whole.data();
    return const_cast<ImFont*>(font)->CalcTextSizeA(size_, 1e9f, 0, base + begin, base + end).x;
  }

  void new_line() {
    ++line_;
    x_ = 0;
  }

  void put(int span, size_t begin, size_t end, float width) {
    // Words of one span on one line become one piece.
    if (!layout_.pieces.empty()) {
      Piece& last = layout_.pieces.back();
      if (last.span == span && last.line == line_ && last.end == begin) {
        last.end = end;
        last.width += width;
        x_ += width;
        layout_.width = std::max(layout_.width, x_);
        return;
      }
    }
    layout_.pieces.push_back({x_, width, line_, begin, end, span});
    x_ += width;
    layout_.width = std::max(layout_.width, x_);
  }

  void add_span(int s) {
    const Span& span = spans_[size_t(s)];
    const size_t start = layout_.whole.size();
    layout_.whole.append(span.text);
    ImFont* font = font_of(ui_, span.face);
    if (span.chip >= 0) {
      const float width = measure(font, start, layout_.whole.size()) + chip_padding() * 2;
      if (x_ > 0 && x_ + width > limit_) new_line();
      layout_.pieces.push_back({x_, width, line_, start, layout_.whole.size(), s});
      x_ += width;
      layout_.width = std::max(layout_.width, x_);
      return;
    }
    const std::string& whole = layout_.whole;
    size_t i = start;
    while (i < whole.size()) {
      if (whole[i] == '\n') {
        // An empty piece keeps the place of the line end for selection.
        layout_.pieces.push_back({x_, 0, line_, i, i + 1, s});
        new_line();
        ++i;
        continue;
      }
      size_t end = i;
      while (end < whole.size() && whole[end] == ' ') ++end;
      while (end < whole.size() && whole[end] != ' ' && whole[end] != '\n') ++end;
      add_word(s, font, i, end);
      i = end;
    }
  }

  void add_word(int s, ImFont* font, size_t begin, size_t end) {
    const float width = measure(font, begin, end);
    if (x_ + width <= limit_) return put(s, begin, end, width);
    // The blanks stay on the old line, the word starts the next one.
    size_t word = begin;
    while (word < end && layout_.whole[word] == ' ') ++word;
    if (word > begin) put(s, begin, word, 0);
    if (word == end) return;
    const float word_width = measure(font, word, end);
    if (word_width <= limit_) {
      if (x_ > 0) new_line();
      return put(s, word, end, word_width);
    }
    // A word longer than a line is cut where it must be.
    while (word < end) {
      const char* base = layout_.whole.data();
      const char* stop = nullptr;
      font->CalcTextSizeA(size_, std::max(limit_ - x_, 1.f), 0, base + word, base + end, &stop);
      size_t cut = size_t(stop - base);
      if (cut <= word && x_ > 0) {
        new_line();
        continue;
      }
      if (cut <= word) {
        cut = word;
        engine::decode_utf8(layout_.whole, cut);
        cut = std::min(cut, end);
      }
      put(s, word, cut, measure(font, word, cut));
      word = cut;
      if (word < end) new_line();
    }
  }

  float chip_padding() const { return std::round(size_ * 0.35f); }

  Ui& ui_;
  std::span<const Span> spans_;
  float limit_, size_, x_ = 0;
  int line_ = 0;
  Layout layout_;
};

bool is_word_byte(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || (c & 0x80);
}

// Byte of the text nearest to a point given relative to the block.
size_t byte_at(Ui& ui, const Layout& layout, std::span<const Span> spans, ImVec2 point,
               float line_height) {
  const int line = std::clamp(int(point.y / line_height), 0, layout.n_lines - 1);
  size_t best = layout.whole.size();
  bool on_line = false;
  for (const Piece& piece : layout.pieces) {
    if (piece.line > line) {
      if (!on_line) best = piece.begin;
      break;
    }
    if (piece.line < line) continue;
    on_line = true;
    if (point.x < piece.x) return piece.begin;
    best = piece.end;
    const bool ends_line = piece.end > piece.begin && layout.whole[piece.end - 1] == '\n';
    if (ends_line) return piece.begin;
    if (point.x >= piece.x + piece.width) continue;
    if (spans[size_t(piece.span)].chip >= 0) return piece.begin;
    const char* base = layout.whole.data();
    ImFont* font = font_of(ui, spans[size_t(piece.span)].face);
    float x = piece.x;
    for (size_t i = piece.begin; i < piece.end;) {
      size_t next = i;
      engine::decode_utf8(layout.whole, next);
      const float w =
          font->CalcTextSizeA(ImGui::GetFontSize(), 1e9f, 0, base + i, base + next).x;
      if (point.x < x + w / 2) return i;
      x += w;
      i = next;
    }
    return piece.end;
  }
  return best;
}

void update_selection(Ui& ui, ImGuiID id, const Layout& layout, size_t at, bool pressed,
                      bool held) {
  TextSelection& selection = ui.selection;
  const ImGuiIO& io = ImGui::GetIO();
  if (pressed) {
    if (io.KeyShift && selection.owner == id) {
      selection.caret = at;
    } else if (ImGui::IsMouseDoubleClicked(0)) {
      size_t begin = at, end = at;
      while (begin > 0 && is_word_byte(layout.whole[begin - 1])) --begin;
      while (end < layout.whole.size() && is_word_byte(layout.whole[end])) ++end;
      selection = {id, begin, end, {}};
    } else {
      selection = {id, at, at, {}};
    }
  } else if (held && selection.owner == id && ImGui::IsMouseDragging(0, 2)) {
    selection.caret = at;
  }
  if (selection.owner == id) {
    selection.anchor = std::min(selection.anchor, layout.whole.size());
    selection.caret = std::min(selection.caret, layout.whole.size());
    const auto [begin, end] = std::minmax(selection.anchor, selection.caret);
    selection.text = layout.whole.substr(begin, end - begin);
  }
}

void draw_selection(Ui& ui, ImDrawList& list, ImGuiID id, const Layout& layout,
                    std::span<const Span> spans, ImVec2 origin, float line_height) {
  if (ui.selection.owner != id || ui.selection.anchor == ui.selection.caret) return;
  const auto [from, to] = std::minmax(ui.selection.anchor, ui.selection.caret);
  for (const Piece& piece : layout.pieces) {
    const size_t begin = std::max(from, piece.begin), end = std::min(to, piece.end);
    if (begin >= end) continue;
    float x0 = piece.x, x1 = piece.x + std::max(piece.width, line_height * 0.25f);
    if (spans[size_t(piece.span)].chip < 0 && piece.width > 0) {
      ImFont* font = font_of(ui, spans[size_t(piece.span)].face);
      const char* base = layout.whole.data();
      const auto width = [&](size_t a, size_t b) {
        return font->CalcTextSizeA(ImGui::GetFontSize(), 1e9f, 0, base + a, base + b).x;
      };
      x0 = piece.x + width(piece.begin, begin);
      x1 = x0 + width(begin, end);
    }
    const float y = origin.y + float(piece.line) * line_height;
    list.AddRectFilled({origin.x + x0, y}, {origin.x + x1, y + line_height}, ui.theme.selection);
  }
}

}  // namespace

TextResult rich_text(Ui& ui, const char* id, std::span<const Span> spans,
                     const TextOptions& options) {
  TextResult result;
  const float line_height = ImGui::GetTextLineHeight() * 1.25f;
  const float room = ImGui::GetContentRegionAvail().x;
  const float width = std::max(options.width > 0 ? options.width : room, line_height);
  const Layout layout = Breaker(ui, spans, width, options.wrap).run();
  const ImVec2 origin = ImGui::GetCursorScreenPos();
  const ImVec2 size{options.wrap ? width : std::max(layout.width, 1.f),
                    float(layout.n_lines) * line_height};
  result.height = size.y;

  ImGui::PushID(id);
  const ImGuiID own_id = ImGui::GetID("text");
  ImGui::InvisibleButton("text", size, ImGuiButtonFlags_MouseButtonLeft);
  result.hovered = ImGui::IsItemHovered();
  const bool pressed = ImGui::IsItemClicked(0);
  const bool held = ImGui::IsItemActive();
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  const ImVec2 point{mouse.x - origin.x, mouse.y - origin.y};
  for (const Piece& piece : layout.pieces) {
    const float y = float(piece.line) * line_height;
    if (spans[size_t(piece.span)].chip >= 0) result.chip_places.emplace_back(spans[size_t(piece.span)].chip, y);
    if (result.hovered && spans[size_t(piece.span)].chip >= 0 && point.x >= piece.x &&
        point.x < piece.x + piece.width && point.y >= y && point.y < y + line_height)
      result.hovered_chip = spans[size_t(piece.span)].chip;
  }
  if (result.hovered_chip >= 0) {
    ImGui::SetMouseCursor(ImGuiMouseCursor_Hand);
    if (pressed) result.clicked_chip = result.hovered_chip;
  } else if (result.hovered) {
    ImGui::SetMouseCursor(ImGuiMouseCursor_TextInput);
  }
  if ((pressed || held) && result.clicked_chip < 0)
    update_selection(ui, own_id, layout, byte_at(ui, layout, spans, point, line_height), pressed,
                     held);

  ImDrawList& list = *ImGui::GetWindowDrawList();
  const float clip_top = list.GetClipRectMin().y, clip_bottom = list.GetClipRectMax().y;
  draw_selection(ui, list, own_id, layout, spans, origin, line_height);
  const float text_dy = std::round((line_height - ImGui::GetFontSize()) / 2);
  for (const Piece& piece : layout.pieces) {
    const float y = origin.y + float(piece.line) * line_height;
    if (y + line_height < clip_top || y > clip_bottom) continue;
    const Span& span = spans[size_t(piece.span)];
    std::string_view part = std::string_view(layout.whole).substr(piece.begin, piece.end - piece.begin);
    if (!part.empty() && part.back() == '\n') part.remove_suffix(1);
    float x = origin.x + piece.x;
    if (span.chip >= 0) {
      const bool hot = result.hovered_chip == span.chip;
      const ImVec2 a{x, y + 1}, b{x + piece.width, y + line_height - 1};
      list.AddRectFilled(a, b, hot ? ui.theme.chip_hovered : ui.theme.chip, ui.theme.px(4));
      ui.probe(options.chip_probe, part, a, b, options.row);
      x += (piece.width - text_width(ui, part, span.face)) / 2;
    }
    ui.fonts.note_text(part);
    list.AddText(font_of(ui, span.face), ImGui::GetFontSize(), {x, y + text_dy},
                 span.color != 0 ? span.color : ui.theme.text, part.data(), part.data() + part.size());
  }
  if (origin.y < clip_bottom && origin.y + size.y > clip_top) ui.note_drawn(layout.whole);
  if (options.probe != nullptr)
    ui.probe(options.probe, layout.whole, origin, {origin.x + size.x, origin.y + size.y},
             options.row);
  if (options.menu) {
    const bool selected = ui.selection.owner == own_id && !ui.selection.text.empty();
    item_menu(ui, "menu", selected ? std::string_view(ui.selection.text) : layout.whole,
              options.row, options.reference);
  }
  ImGui::PopID();
  return result;
}

float TextResult::chip_y(int chip) const {
  for (const auto& [number, y] : chip_places)
    if (number == chip) return y;
  return 0;
}

TextResult text(Ui& ui, const char* id, std::string_view content, ImU32 color, Face face,
                const TextOptions& options) {
  const Span span{content, color, face};
  return rich_text(ui, id, {&span, 1}, options);
}

void label(Ui& ui, const char* id, std::string_view content, ImU32 color, float width, Face face) {
  const ImVec2 origin = ImGui::GetCursorScreenPos();
  const float height = ImGui::GetTextLineHeight();
  const std::string shown = fit_text(ui, content, width, face);
  ImGui::PushID(id);
  ImGui::InvisibleButton("label", {std::max(width, 1.f), height});
  draw_text(ui, *ImGui::GetWindowDrawList(), origin, color, shown, face);
  if (shown.size() != content.size()) ui.note_drawn(content);
  if (shown.size() != content.size() && ImGui::IsItemHovered())
    ImGui::SetTooltip("%.*s", int(content.size()), content.data());
  item_menu(ui, "menu", content);
  ImGui::PopID();
}

bool menu_item(Ui& ui, const char* shown, const char* keys) {
  const bool clicked = ImGui::MenuItem(shown, keys);
  ui.note_drawn(shown);
  ui.probe("menu_item", shown, ImGui::GetItemRectMin(), ImGui::GetItemRectMax());
  return clicked;
}

void item_menu(Ui& ui, const char* id, std::string_view content, app::RowId row, std::string_view reference) {
  if (!ImGui::BeginPopupContextItem(id)) return;
  if (menu_item(ui, "Copy", "Ctrl+C")) ui.copy(content);
  if (menu_item(ui, "Copy as Markdown")) {
    std::string quoted;
    if (content.find('\n') == std::string_view::npos) {
      quoted = "`" + std::string(content) + "`";
    } else {
      quoted = "```\n" + std::string(content) + "\n```\n";
    }
    ui.copy(quoted);
  }
  if (!reference.empty() && menu_item(ui, ("Copy the reference " + std::string(reference)).c_str())) ui.copy(reference);
  ImGui::Separator();
  const auto request = [&](const char* label_text, Request::Kind kind) {
    if (menu_item(ui, label_text)) ui.ask({kind, std::string(content), row});
  };
  request("Ask about this", Request::Kind::ask);
  request("Filter in", Request::Kind::filter_in);
  request("Filter out", Request::Kind::filter_out);
  if (row != app::no_row) {
    request("Show in Logs", Request::Kind::jump);
    request("Add to evidence", Request::Kind::add_evidence);
  }
  ImGui::EndPopup();
}

float text_height(Ui& ui, std::string_view content, float width, Face face) {
  const Span span{content, 0, face};
  const Layout layout = Breaker(ui, {&span, 1}, width, true).run();
  return float(layout.n_lines) * ImGui::GetTextLineHeight() * 1.25f;
}

std::vector<Span> markdown_spans(std::string_view source, std::span<const Mark> marks,
                                 const MarkdownStyle& style) {
  std::vector<Span> spans;
  size_t next_mark = 0, begin = 0;
  bool bold = false, code = false, fence = false, heading = false, line_start = true;
  const auto face = [&] {
    return code || fence ? Face::mono : bold || heading ? Face::bold : Face::regular;
  };
  const auto flush = [&](size_t end) {
    while (begin < end) {
      size_t stop = end;
      bool faint = false;
      for (const auto& [from, to] : style.faint) {
        if (begin >= from && begin < to) {
          faint = true;
          stop = std::min(stop, to);
        } else if (begin < from) {
          stop = std::min(stop, from);
        }
      }
      const ImU32 color = faint ? style.dim_color : code || fence ? style.code_color : style.color;
      spans.push_back({source.substr(begin, stop - begin), color, face()});
      begin = stop;
    }
  };
  for (size_t i = 0; i <= source.size();) {
    while (next_mark < marks.size() && marks[next_mark].at <= i) {
      flush(i);
      begin = i;
      const Mark& mark = marks[next_mark++];
      if (mark.length == 0) spans.push_back({" ", style.color});
      spans.push_back({mark.label, mark.color, Face::regular, mark.chip});
      begin = i = i + std::min(mark.length, source.size() - i);
    }
    if (i == source.size()) break;
    const std::string_view rest = source.substr(i);
    size_t skip = 0;
    if (line_start && rest.starts_with("```")) {
      flush(i);
      fence = !fence;
      skip = std::min(rest.find('\n') == std::string_view::npos ? rest.size() : rest.find('\n') + 1,
                      rest.size());
      begin = i += skip;
      continue;
    }
    if (fence) {
      line_start = source[i] == '\n';
      ++i;
      continue;
    }
    if (line_start && !heading && rest[0] == '#') {
      const size_t n = rest.find_first_not_of('#');
      if (n != std::string_view::npos && n <= 4 && rest[n] == ' ') {
        flush(i);
        heading = true;
        begin = i += n + 1;
        line_start = false;
        continue;
      }
    }
    if (line_start && (rest.starts_with("- ") || rest.starts_with("* "))) {
      flush(i);
      spans.push_back({"•  ", style.dim_color});
      begin = i += 2;
      line_start = false;
      continue;
    }
    if (rest.starts_with("**")) {
      skip = 2;
    } else if (rest[0] == '`') {
      skip = 1;
    }
    if (skip > 0) {
      flush(i);
      if (skip == 2) bold = !bold;
      if (skip == 1) code = !code;
      begin = i += skip;
      line_start = false;
      continue;
    }
    if (rest[0] == '\n') {
      flush(i + 1);
      // The line below a heading stands right below it.
      if (heading && rest.size() > 1 && rest[1] == '\n') ++i;
      begin = i + 1;
      heading = bold = code = false;
      line_start = true;
    } else if (rest[0] != ' ') {
      line_start = false;
    }
    ++i;
  }
  flush(source.size());
  return spans;
}

}  // namespace ui
