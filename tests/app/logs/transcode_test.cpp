#include "app/logs/transcode.h"

#include <doctest/doctest.h>

#include <string>

#include "engine/base/error.h"

using namespace app::logs;

TEST_CASE("logs/transcode: the encoding of a text is among the three best guesses, with the text as preview") {
  const struct {
    const char *name, *bytes, *first_line;
  } cases[] = {
      {"WINDOWS-1251", "2026-03-14 09:00:00 ERROR \xCE\xF8\xE8\xE1\xEA\xE0 \xE7\xE0\xEF\xE8\xF1\xE8 \xED\xE0 \xE4\xE8\xF1\xEA: \xED\xE5\xF2 \xEC\xE5\xF1\xF2\xE0\n\xD1\xE5\xF0\xE2\xE5\xF0 \xEE\xF1\xF2\xE0\xED\xEE\xE2\xEB\xE5\xED \xEF\xEE\xEB\xFC\xE7\xEE\xE2\xE0\xF2\xE5\xEB\xE5\xEC", "2026-03-14 09:00:00 ERROR Ошибка записи на диск: нет места"},
      {"KOI8-R", "2026-03-14 09:00:00 ERROR \xEF\xDB\xC9\xC2\xCB\xC1 \xDA\xC1\xD0\xC9\xD3\xC9 \xCE\xC1 \xC4\xC9\xD3\xCB: \xCE\xC5\xD4 \xCD\xC5\xD3\xD4\xC1\n\xF3\xC5\xD2\xD7\xC5\xD2 \xCF\xD3\xD4\xC1\xCE\xCF\xD7\xCC\xC5\xCE \xD0\xCF\xCC\xD8\xDA\xCF\xD7\xC1\xD4\xC5\xCC\xC5\xCD", "2026-03-14 09:00:00 ERROR Ошибка записи на диск: нет места"},
      {"WINDOWS-1252", "2026-03-14 09:00:00 ERROR \xC9""chec de la connexion \xE0 la base de donn\xE9""es\nLe service a \xE9t\xE9 arr\xEAt\xE9", "2026-03-14 09:00:00 ERROR Échec de la connexion à la base de données"},
      {"SHIFT_JIS", "2026-03-14 09:00:00 ERROR \x83""f\x83""B\x83X\x83N\x82\xCC\x8B\xF3\x82\xAB\x97""e\x97\xCA\x82\xAA\x82\xA0\x82\xE8\x82\xDC\x82\xB9\x82\xF1\n\x83T\x81[\x83o\x81[\x82\xF0\x92\xE2\x8E~\x82\xB5\x82\xDC\x82\xB5\x82\xBD", "2026-03-14 09:00:00 ERROR ディスクの空き容量がありません"},
      {"EUC-JP", "2026-03-14 09:00:00 ERROR \xA5\xC7\xA5\xA3\xA5\xB9\xA5\xAF\xA4\xCE\xB6\xF5\xA4\xAD\xCD\xC6\xCE\xCC\xA4\xAC\xA4\xA2\xA4\xEA\xA4\xDE\xA4\xBB\xA4\xF3\n\xA5\xB5\xA1\xBC\xA5\xD0\xA1\xBC\xA4\xF2\xC4\xE4\xBB\xDF\xA4\xB7\xA4\xDE\xA4\xB7\xA4\xBF", "2026-03-14 09:00:00 ERROR ディスクの空き容量がありません"},
      {"GB18030", "2026-03-14 09:00:00 ERROR \xB4\xC5\xC5\xCC\xBF\xD5\xBC\xE4\xB2\xBB\xD7\xE3\xA3\xAC\xCE\xDE\xB7\xA8\xD0\xB4\xC8\xEB\xCE\xC4\xBC\xFE\n\xB7\xFE\xCE\xF1\xD2\xD1\xBE\xAD\xCD\xA3\xD6\xB9", "2026-03-14 09:00:00 ERROR 磁盘空间不足，无法写入文件"},
      {"EUC-KR", "2026-03-14 09:00:00 ERROR \xB5\xF0\xBD\xBA\xC5\xA9 \xB0\xF8\xB0\xA3\xC0\xCC \xBA\xCE\xC1\xB7\xC7\xD5\xB4\xCF\xB4\xD9\n\xBC\xAD\xB9\xF6\xB0\xA1 \xC1\xDF\xC1\xF6\xB5\xC7\xBE\xFA\xBD\xC0\xB4\xCF\xB4\xD9", "2026-03-14 09:00:00 ERROR 디스크 공간이 부족합니다"},
      {"UTF-8", "2026-03-14 09:00:00 ERROR \xC3\x89""chec de la connexion \xC3\xA0 la base de donn\xC3\xA9""es\n\xD0\xBD\xD0\xB5\xD1\x82 \xD0\xBC\xD0\xB5\xD1\x81\xD1\x82\xD0\xB0", "2026-03-14 09:00:00 ERROR Échec de la connexion à la base de données"},
      {"KOI8-R", "\xCF\xDB\xC9\xC2\xCB\xC1 \xC4\xC9\xD3\xCB\xC1", "ошибка диска"},
      {"WINDOWS-1251", "\xCE\xD8\xC8\xC1\xCA\xC0 \xC4\xC8\xD1\xCA\xC0", "ОШИБКА ДИСКА"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    const auto guesses = guess_encodings(c.bytes);
    REQUIRE(!guesses.empty());
    CHECK(guesses.size() <= 3);
    bool found = false;
    for (const EncodingChoice& guess : guesses) found |= guess.preview.at(0) == c.first_line;
    CAPTURE(guesses[0].name);
    CHECK(found);
    CHECK(guesses[0].name == c.name);
  }
}

TEST_CASE("logs/transcode: ASCII needs no guess, bytes of no encoding get none that pretends") {
  CHECK(guess_encodings("plain\ntext\n").empty());
  std::string noise;
  for (int i = 0; i < 4000; ++i) noise += char(0x80 + (i * 37 + i / 7) % 32);   // C1 controls in Latin ones
  for (const EncodingChoice& guess : guess_encodings(noise)) CHECK(guess.score > -0.5);
}

TEST_CASE("logs/transcode: characters parted by block ends are whole, bad bytes are kept") {
  Transcoder transcoder("SHIFT_JIS");
  std::string out;
  for (const char c : std::string("A\x83\x66\x83\x42!")) transcoder.decode(std::string(1, c), out);
  transcoder.decode("\xFF-\x83", out);
  transcoder.finish(out);
  CHECK(out == "Aディ!\\xFF-\\x83");
  CHECK(transcoder.n_bad() == 2);
  CHECK_THROWS_AS(Transcoder("no-such-encoding"), engine::Error);
}
