#include "app/diagnosis/text_match.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <set>

namespace app::diagnosis {
namespace {

constexpr std::array stop_words = {
    "the", "is", "are", "was", "were", "be", "been", "of", "to", "in", "on", "at", "for", "and", "or", "not", "with",
    "what", "why", "how", "when", "where", "which", "who", "this", "that", "these", "those", "it", "its", "an", "my",
    "our", "your", "do", "does", "did", "can", "could", "should", "would", "will", "has", "have", "had", "there",
    "any", "from", "by", "as", "we", "you", "me", "if", "but", "so", "than", "then", "wrong", "issue", "problem",
    "happen", "cause", "root", "tell", "please", "find", "out", "about", "into", "after", "before", "isn", "doesn",
    "namespace", "default", "type", "name", "kind", "alert", "fail", "error", "keep", "work", "pod", "deployment"};

bool is_word_byte(char c) {
  auto byte = static_cast<unsigned char>(c);
  return byte >= 128 || std::isalnum(byte);
}
bool joins(char c) { return c == '-' || c == '_' || c == '.' || c == '/'; }

bool is_stop_word(const std::string& word) {
  return std::find(stop_words.begin(), stop_words.end(), word) != stop_words.end();
}

// A light stem: enough that "timeouts", "crashing" and "crashed" meet their stems.
std::string stem(std::string word) {
  auto cut = [&](std::string_view ending, size_t keep) {
    if (word.size() >= ending.size() + keep && word.ends_with(ending)) {
      word.resize(word.size() - ending.size());
      return true;
    }
    return false;
  };
  if (!word.ends_with("ss") && !word.ends_with("us")) cut("s", 3);
  if (!cut("ing", 4)) cut("ed", 4);
  return word;
}

// Calls each(whole) for each run of word bytes and joiners.
template <typename Each>
void each_token(std::string_view text, Each each) {
  std::string token;
  auto flush = [&] {
    while (!token.empty() && joins(token.back())) token.pop_back();
    if (!token.empty()) each(token);
    token.clear();
  };
  for (char c : text) {
    if (is_word_byte(c))
      token += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    else if (joins(c) && !token.empty())
      token += c;
    else
      flush();
  }
  flush();
}

}  // namespace

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> out;
  auto push = [&](std::string word) {
    word = stem(std::move(word));
    if (word.size() >= 2 && !is_stop_word(word)) out.push_back(std::move(word));
  };
  each_token(text, [&](const std::string& token) {
    bool compound = std::any_of(token.begin(), token.end(), joins);
    if (compound) out.push_back(token);
    std::string part;
    for (char c : token + "-") {
      if (!joins(c)) {
        part += c;
        continue;
      }
      if (!part.empty()) push(part);
      part.clear();
    }
  });
  return out;
}

std::vector<std::string> names_in(std::string_view question) {
  std::vector<std::string> names;
  each_token(question, [&](const std::string& token) {
    bool has_digit = std::any_of(token.begin(), token.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
    bool has_letter = std::any_of(token.begin(), token.end(), [](unsigned char c) { return std::isalpha(c) != 0; });
    bool compound = std::any_of(token.begin(), token.end(), joins);
    if (has_letter && token.size() >= 4 && (compound || has_digit)) names.push_back(token);
  });
  return names;
}

void Bm25::add(std::string_view text) {
  std::map<std::string, double> counts;
  double length = 0;
  for (std::string& word : words(text)) {
    counts[std::move(word)]++;
    length++;
  }
  for (const auto& [word, count] : counts) postings_[word].push_back({lengths_.size(), count});
  lengths_.push_back(length);
}

void Bm25::finish() {
  double sum = 0;
  for (double length : lengths_) sum += length;
  mean_length_ = lengths_.empty() || sum == 0 ? 1 : sum / double(lengths_.size());
}

std::vector<double> Bm25::scores(std::string_view question) const {
  constexpr double k1 = 1.2, b = 0.75;
  std::vector<double> scores(lengths_.size(), 0);
  std::vector<std::string> asked = words(question);
  for (const std::string& word : std::set<std::string>(asked.begin(), asked.end())) {
    auto it = postings_.find(word);
    if (it == postings_.end()) continue;
    double n = double(lengths_.size()), with = double(it->second.size());
    double idf = std::log(1 + (n - with + 0.5) / (with + 0.5));
    for (const Posting& p : it->second)
      scores[p.text] += idf * p.count * (k1 + 1) / (p.count + k1 * (1 - b + b * lengths_[p.text] / mean_length_));
  }
  return scores;
}

}  // namespace app::diagnosis
