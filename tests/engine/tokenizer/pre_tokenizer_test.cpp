#include "engine/tokenizer/pre_tokenizer.h"

#include <doctest/doctest.h>

#include <string>

using engine::PreTokenizer;
using engine::SplitStep;

namespace {

// Words joined by '|'.
std::string words(const PreTokenizer& steps, std::string_view text) {
  std::vector<size_t> ends;
  engine::split_words(text, steps, ends);
  std::string out;
  size_t begin = 0;
  for (const size_t end : ends) {
    if (begin > 0) out += '|';
    out += text.substr(begin, end - begin);
    begin = end;
  }
  CHECK(begin == text.size());
  return out;
}

const PreTokenizer gpt2 = {SplitStep::gpt2};
const PreTokenizer smollm = {SplitStep::digits_individual, SplitStep::gpt2};
const PreTokenizer llama3 = {SplitStep::llama3};
const PreTokenizer qwen2 = {SplitStep::qwen2};

}  // namespace

TEST_CASE("tokenizer/pre_tokenizer: GPT-2 cuts words, numbers, marks and contractions") {
  CHECK(words(gpt2, "") == "");
  CHECK(words(gpt2, "Hello world") == "Hello| world");
  CHECK(words(gpt2, "it's we'll I'D 'tis") == "it|'s| we|'ll| I|'|D| '|tis");
  CHECK(words(gpt2, "x=12345, y") == "x|=|12345|,| y");
  CHECK(words(gpt2, "a   b") == "a|  | b");
  CHECK(words(gpt2, "a \n b  ") == "a| \n| b|  ");
  CHECK(words(gpt2, "a\tb") == "a|\t|b");
  CHECK(words(gpt2, "caf\u00e9 \u4e16\u754c \u0663\u0664") == "caf\u00e9| \u4e16\u754c| \u0663\u0664");
  CHECK(words(gpt2, "a\u00a0b") == "a|\u00a0|b");  // a no-break space is white space, not ' '
}

TEST_CASE("tokenizer/pre_tokenizer: SmolLM takes each digit first, then cuts as GPT-2") {
  CHECK(words(smollm, "at 10:42") == "at| |1|0|:|4|2");
  CHECK(words(smollm, "v2  x") == "v|2| | x");
  CHECK(words(smollm, "\u00b2\u2166") == "\u00b2|\u2166");  // No and Nl are digits as well
}

TEST_CASE("tokenizer/pre_tokenizer: Llama 3 takes three digits, newlines and a leading mark") {
  CHECK(words(llama3, "12345678") == "123|456|78");
  CHECK(words(llama3, "foo(bar) /usr/lib") == "foo|(bar|)| /|usr|/lib");
  CHECK(words(llama3, "I'D it'S it'\u017f") == "I|'D| it|'S| it|'\u017f");
  CHECK(words(llama3, "a;\n\nb") == "a|;\n\n|b");
  CHECK(words(llama3, "a  \n  b") == "a|  \n| | b");
  CHECK(words(llama3, "a\r\n\tb") == "a|\r\n|\tb");
  CHECK(words(llama3, " 1") == " |1");
  CHECK(words(llama3, "   ") == "   ");
  CHECK(words(llama3, "a   ") == "a|   ");
  CHECK(words(llama3, "  !") == " | !");
}

TEST_CASE("tokenizer/pre_tokenizer: Qwen2 takes one digit") {
  CHECK(words(qwen2, "x 42") == "x| |4|2");
}

TEST_CASE("tokenizer/pre_tokenizer: malformed bytes are marks and none is lost") {
  CHECK(words(gpt2, "a\xff\xfe z") == "a|\xff\xfe| z");
  CHECK(words(llama3, "\xe2\x82") == "\xe2\x82");
}

TEST_CASE("tokenizer/pre_tokenizer: a million equal characters need no stack") {
  std::vector<size_t> ends;
  for (const char* unit : {"a", " ", "\n", "1", "!", "'"}) {
    const std::string text(1'000'000, unit[0]);
    for (const auto& steps : {gpt2, smollm, llama3, qwen2}) {
      engine::split_words(text, steps, ends);
      CHECK(ends.back() == text.size());
    }
  }
}
