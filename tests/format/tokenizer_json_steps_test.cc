// SPDX-License-Identifier: Apache-2.0
#include "format/tokenizer_json_steps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace llmos {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Read = Status (*)(const Json&, TokenizerSpec&);

// What `read` makes of {"member": text}.
TokenizerSpec steps(Read read, const std::string& member, const std::string& text) {
  TokenizerSpec spec;
  const Status status = read(parse_json("{\"" + member + "\":" + text + "}").value(), spec);
  EXPECT_TRUE(status.ok()) << status.to_string();
  return spec;
}
void expect_refused(Read read, const std::string& member, const std::string& text, Code code,
                    const std::string& says) {
  TokenizerSpec spec;
  const Status status = read(parse_json("{\"" + member + "\":" + text + "}").value(), spec);
  EXPECT_EQ(status.code(), code) << text << ": " << status.to_string();
  EXPECT_THAT(status.message(), HasSubstr(says)) << text;
}

std::vector<NormalizerStep> normalizer(const std::string& text) {
  return steps(read_normalizer_steps, "normalizer", text).normalizer;
}
std::vector<PretokenizerStep> pretokenizer(const std::string& text) {
  return steps(read_pretokenizer_steps, "pre_tokenizer", text).pretokenizer;
}
std::vector<DecoderStep> decoder(const std::string& text) {
  return steps(read_decoder_steps, "decoder", text).decoder;
}
TokenizerSpec processor(const std::string& text) {
  return steps(read_post_processor, "post_processor", text);
}

TEST(TokenizerJsonSteps, NothingMeansNothing) {
  EXPECT_THAT(normalizer("null"), IsEmpty());
  EXPECT_THAT(pretokenizer("null"), IsEmpty());
  EXPECT_THAT(processor("null").prefix, IsEmpty());
  EXPECT_EQ(decoder("null").at(0).kind, DecoderStep::Kind::kSpaces);  // as HF joins tokens
}

TEST(TokenizerJsonSteps, Normalizers) {
  using Kind = NormalizerStep::Kind;
  EXPECT_EQ(normalizer(R"({"type":"Prepend","prepend":"_"})").at(0).content, "_");
  const auto replace = normalizer(R"({"type":"Replace","pattern":{"String":" "},"content":"_"})");
  EXPECT_EQ(replace.at(0).kind, Kind::kReplace);
  EXPECT_EQ(replace.at(0).pattern, " ");
  EXPECT_EQ(replace.at(0).content, "_");
  EXPECT_EQ(normalizer(R"({"type":"Replace","pattern":{"Regex":"x+"},"content":""})").at(0).kind,
            Kind::kReplaceRegex);
  EXPECT_FALSE(normalizer(R"({"type":"Strip","strip_left":false,"strip_right":true})").at(0).left);
  EXPECT_EQ(normalizer(R"({"type":"Precompiled","precompiled_charsmap":"AAEC/w=="})").at(0).content,
            std::string("\0\1\2\xFF", 4));
  const std::pair<const char*, Kind> simple[] = {{"NFC", Kind::kNfc},
                                                 {"NFD", Kind::kNfd},
                                                 {"NFKC", Kind::kNfkc},
                                                 {"NFKD", Kind::kNfkd},
                                                 {"Lowercase", Kind::kLowercase},
                                                 {"StripAccents", Kind::kStripAccents}};
  for (const auto& [name, kind] : simple) {
    EXPECT_EQ(normalizer("{\"type\":\"" + std::string(name) + "\"}").at(0).kind, kind);
  }
}

TEST(TokenizerJsonSteps, Pretokenizers) {
  using Kind = PretokenizerStep::Kind;
  using Behavior = PretokenizerStep::Behavior;
  using Scheme = PretokenizerStep::PrependScheme;
  const auto byte_level = pretokenizer(R"({"type":"ByteLevel","add_prefix_space":false})").at(0);
  EXPECT_EQ(byte_level.kind, Kind::kByteLevel);
  EXPECT_FALSE(byte_level.add_prefix_space);
  EXPECT_TRUE(byte_level.use_regex);
  const auto split =
      pretokenizer(
          R"({"type":"Split","pattern":{"Regex":"x"},"behavior":"MergedWithNext","invert":true})")
          .at(0);
  EXPECT_EQ(split.kind, Kind::kSplitRegex);
  EXPECT_EQ(split.behavior, Behavior::kMergedWithNext);
  EXPECT_TRUE(split.invert);
  EXPECT_EQ(
      pretokenizer(R"({"type":"Split","pattern":{"String":"x"},"behavior":"Removed"})").at(0).kind,
      Kind::kSplit);
  EXPECT_EQ(pretokenizer(R"({"type":"CharDelimiterSplit","delimiter":"-"})").at(0).behavior,
            Behavior::kRemoved);
  EXPECT_TRUE(pretokenizer(R"({"type":"Digits","individual_digits":true})").at(0).individual);
  EXPECT_EQ(pretokenizer(R"({"type":"Punctuation","behavior":"Contiguous"})").at(0).behavior,
            Behavior::kContiguous);
  EXPECT_EQ(pretokenizer(R"({"type":"Whitespace"})").at(0).kind, Kind::kWhitespace);
  EXPECT_EQ(pretokenizer(R"({"type":"WhitespaceSplit"})").at(0).kind, Kind::kWhitespaceSplit);
  const auto scheme = [](const std::string& more) {
    return pretokenizer(R"({"type":"Metaspace","replacement":"_")" + more + "}").at(0).prepend;
  };
  EXPECT_EQ(scheme(""), Scheme::kAlways);
  EXPECT_EQ(scheme(R"(,"add_prefix_space":false)"), Scheme::kNever);
  EXPECT_EQ(scheme(R"(,"prepend_scheme":"first")"), Scheme::kFirst);
  EXPECT_EQ(scheme(R"(,"prepend_scheme":"never","add_prefix_space":true)"), Scheme::kNever);
}

TEST(TokenizerJsonSteps, PostProcessors) {
  const TokenizerSpec spec = processor(
      R"({"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[CLS]","type_id":0}},
          {"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"[SEP]","type_id":0}}],
          "special_tokens":{"[CLS]":{"ids":[1,2]},"[SEP]":{"ids":[3]}}})");
  EXPECT_THAT(spec.prefix, ElementsAre(1, 2));
  EXPECT_THAT(spec.suffix, ElementsAre(3));
  const TokenizerSpec roberta =
      processor(R"({"type":"RobertaProcessing","sep":["</s>",2],"cls":["<s>",0]})");
  EXPECT_THAT(roberta.prefix, ElementsAre(0));
  EXPECT_THAT(roberta.suffix, ElementsAre(2));
  // One inside another: what comes later is further out.
  const TokenizerSpec two = processor(
      R"({"type":"Sequence","processors":[{"type":"ByteLevel"},
          {"type":"BertProcessing","sep":["s",2],"cls":["c",1]},
          {"type":"BertProcessing","sep":["s",4],"cls":["c",3]}]})");
  EXPECT_THAT(two.prefix, ElementsAre(3, 1));
  EXPECT_THAT(two.suffix, ElementsAre(2, 4));
}

TEST(TokenizerJsonSteps, Decoders) {
  using Kind = DecoderStep::Kind;
  const auto all = decoder(
      R"({"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"_"},"content":" "},
          {"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0},
          {"type":"ByteLevel"},{"type":"Metaspace","replacement":"_","prepend_scheme":"never"}]})");
  ASSERT_EQ(all.size(), 6u);
  EXPECT_EQ(all[0].kind, Kind::kReplace);
  EXPECT_EQ(all[1].kind, Kind::kByteFallback);
  EXPECT_EQ(all[2].kind, Kind::kFuse);
  EXPECT_EQ(all[3].start, 1u);
  EXPECT_EQ(all[4].kind, Kind::kByteLevel);
  EXPECT_FALSE(all[5].drop_first);
}

TEST(TokenizerJsonSteps, SaysWhatItLacks) {
  expect_refused(read_normalizer_steps, "normalizer", R"({"type":"BertNormalizer"})",
                 Code::kUnsupported, "BertNormalizer");
  expect_refused(read_pretokenizer_steps, "pre_tokenizer", R"({"type":"UnicodeScripts"})",
                 Code::kUnsupported, "UnicodeScripts");
  expect_refused(read_post_processor, "post_processor", R"({"type":"X"})", Code::kUnsupported, "X");
  expect_refused(read_decoder_steps, "decoder", R"({"type":"WordPiece"})", Code::kUnsupported,
                 "WordPiece");
  expect_refused(read_decoder_steps, "decoder",
                 R"({"type":"Replace","pattern":{"Regex":"x"},"content":""})", Code::kUnsupported,
                 "a String");
  expect_refused(read_post_processor, "post_processor",
                 R"({"type":"TemplateProcessing","single":[]})", Code::kUnsupported,
                 "the text in it once");
}

TEST(TokenizerJsonSteps, SaysWhatIsWrong) {
  expect_refused(read_normalizer_steps, "normalizer", "7", Code::kInvalid, "tokenizer.normalizer");
  expect_refused(read_normalizer_steps, "normalizer", "{}", Code::kNotFound, "normalizer.type");
  expect_refused(read_normalizer_steps, "normalizer",
                 R"({"type":"Precompiled","precompiled_charsmap":"*"})", Code::kInvalid, "base64");
  expect_refused(read_pretokenizer_steps, "pre_tokenizer",
                 R"({"type":"Split","pattern":{"String":"x"},"behavior":"y"})", Code::kInvalid,
                 "Isolated");
  expect_refused(read_pretokenizer_steps, "pre_tokenizer",
                 R"({"type":"Metaspace","replacement":"_","prepend_scheme":"x"})", Code::kInvalid,
                 "prepend_scheme");
  expect_refused(read_decoder_steps, "decoder",
                 R"({"type":"Strip","content":"","start":1,"stop":0})", Code::kInvalid,
                 "a character");
  expect_refused(read_decoder_steps, "decoder",
                 R"({"type":"Strip","content":"x","start":-1,"stop":0})", Code::kInvalid, "start");
  for (const char* id : {"-1", "2147483648", "1.5", "\"x\"", "{}"}) {
    expect_refused(
        read_post_processor, "post_processor",
        R"({"type":"BertProcessing","sep":["s",)" + std::string(id) + R"(],"cls":["c",1]})",
        Code::kInvalid, "sep[1]");
  }
}

TEST(TokenizerJsonSteps, Bounds) {
  std::string nested = R"({"type":"NFC"})";
  for (int i = 0; i < 9; ++i) nested = R"({"type":"Sequence","normalizers":[)" + nested + "]}";
  expect_refused(read_normalizer_steps, "normalizer", nested, Code::kInvalid, "nested less deep");
  std::string many = R"({"type":"NFC"})";
  for (int i = 0; i < 40; ++i) many += R"(,{"type":"NFC"})";
  expect_refused(read_normalizer_steps, "normalizer",
                 R"({"type":"Sequence","normalizers":[)" + many + "]}", Code::kInvalid,
                 "fewer steps");
  std::string ids = "1";
  for (int i = 0; i < 300; ++i) ids += ",1";
  expect_refused(
      read_post_processor, "post_processor",
      R"({"type":"TemplateProcessing","single":[{"Sequence":{}},{"SpecialToken":{"id":"s"}}],
                     "special_tokens":{"s":{"ids":[)" +
          ids + "]}}}",
      Code::kInvalid, "fewer ids");
}

}  // namespace
}  // namespace llmos
