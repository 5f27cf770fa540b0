// SPDX-License-Identifier: Apache-2.0
// Megabytes a second of Tokenizer::encode() and decode() on one thread.
//
//   text_bench [--benchmark_filter=...]   every vocabulary that is there with every text
//   text_bench --write-texts DIR          writes the texts, for text_bench_hf.py beside this file
//
// Rows are Encode/<vocabulary>/<text> and Decode/...; a text has 1 MiB and is given in documents of
// about 4 KiB, but for "a" and "spaces", which are one document each. `ids` counts the tokens.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/os_file.h"
#include "base/rng.h"
#include "llmos/tokenizer.h"

namespace llmos {
namespace {

namespace fs = std::filesystem;

constexpr size_t kTextBytes = 1 << 20;
constexpr size_t kDocumentBytes = 4096;
constexpr size_t kFileBytesMax = 1 << 24;
const fs::path kSource = LLMOS_SOURCE_DIR;

std::vector<std::string> lines_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line + '\n');
  return lines;
}

std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string ending = entry.path().extension().string();
    if (ending == ".cc" || ending == ".h") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// The project's own prose: what stands in its headers' comments and its documents.
std::vector<std::string> english() {
  std::vector<std::string> lines;
  for (const char* name : {"README.md", "CONTRIBUTING.md", "src/README.md", "bench/README.md"}) {
    for (std::string& line : lines_of(kSource / name)) lines.push_back(std::move(line));
  }
  for (const char* folder : {"include", "src", "kernels"}) {
    for (const fs::path& file : files_below(kSource / folder)) {
      for (const std::string& line : lines_of(file)) {
        const size_t begin = line.find_first_not_of(' ');
        if (line.compare(std::min(begin, line.size()), 3, "// ") == 0) {
          lines.push_back(line.substr(begin + 3));
        }
      }
    }
  }
  return lines;
}

std::vector<std::string> code() {
  std::vector<std::string> lines;
  for (const fs::path& file : files_below(kSource / "src")) {
    if (file.filename().string().find("table") != std::string::npos) continue;
    for (std::string& line : lines_of(file)) lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<std::string> chinese() {
  static constexpr std::string_view kClauses[] = {"今天的天气非常好",
                                                  "我们决定去公园散步",
                                                  "语言模型可以理解人类的问题",
                                                  "他昨天买了一本新书",
                                                  "这个城市有很多历史悠久的建筑",
                                                  "学生们正在图书馆里学习",
                                                  "科学家发现了一种新的材料",
                                                  "经济的发展离不开技术的进步",
                                                  "她喜欢在早晨喝一杯热茶",
                                                  "请把文件发送到我的邮箱",
                                                  "火车将在十点三十分出发",
                                                  "计算机需要大量的内存来完成任务",
                                                  "孩子们在院子里高兴地玩耍",
                                                  "医生建议他每天多喝水",
                                                  "这家餐厅的菜味道不错",
                                                  "政府公布了最新的统计数据",
                                                  "音乐会将于下周六晚上举行",
                                                  "春天来了花都开了",
                                                  "老师认真地回答了每一个问题",
                                                  "公司计划明年扩大生产规模",
                                                  "互联网改变了人们的生活方式",
                                                  "我觉得这部电影很有意思",
                                                  "山上的空气比城里新鲜得多",
                                                  "他们花了三年时间才完成这项工程",
                                                  "如果明天下雨比赛就会推迟",
                                                  "中国的传统文化丰富多彩",
                                                  "我还没有决定去哪里旅行",
                                                  "程序出现错误时会自动重新启动",
                                                  "健康比财富更加重要",
                                                  "冬天的北方常常下大雪"};
  static constexpr std::string_view kMarks[] = {"，", "，", "。", "。\n", "？", "！", "；", "、"};
  Rng rng(1);
  std::vector<std::string> lines;
  for (int i = 0; i < 4000; ++i) {
    lines.push_back(std::string(kClauses[rng.below(std::size(kClauses))]));
    lines.back() += kMarks[rng.below(std::size(kMarks))];
  }
  return lines;
}

// Lines of all the others in turn, with the golden texts, which are of every script there is.
std::vector<std::string> mixed() {
  std::vector<std::string> random;
  const std::string golden = (kSource / "tests/golden/tokenizers/texts.json").string();
  const Json texts = parse_json(os::read_file(golden, kFileBytesMax).value()).value();
  for (const Json& text : texts.items()) random.push_back(*text.if_string() + '\n');
  const std::vector<std::string> sources[] = {english(), code(), chinese(), random};
  Rng rng(2);
  std::vector<std::string> lines;
  for (int i = 0; i < 20'000; ++i) {
    const std::vector<std::string>& source = sources[rng.below(std::size(sources))];
    lines.push_back(source[rng.below(source.size())]);
  }
  return lines;
}

// Documents of whole lines, over and over, until the text is long enough.
std::vector<std::string> documents(const std::vector<std::string>& lines) {
  std::vector<std::string> documents(1);
  size_t bytes = 0;
  for (size_t i = 0; bytes < kTextBytes; i = (i + 1) % lines.size()) {
    if (documents.back().size() >= kDocumentBytes) documents.emplace_back();
    documents.back() += lines[i];
    bytes += lines[i].size();
  }
  return documents;
}

std::map<std::string, std::vector<std::string>> all_texts() {
  return {{"english", documents(english())},     {"code", documents(code())},
          {"chinese", documents(chinese())},     {"mixed", documents(mixed())},
          {"a", {std::string(kTextBytes, 'a')}}, {"spaces", {std::string(kTextBytes, ' ')}}};
}

// As files of lengths and bytes, so that the other side needs no rules for borders.
void write_texts(const fs::path& folder) {
  fs::create_directories(folder);
  for (const auto& [name, parts] : all_texts()) {
    std::ofstream out(folder / name, std::ios::binary);
    for (const std::string& part : parts) {
      const auto size = uint32_t(part.size());
      out.write(reinterpret_cast<const char*>(&size), sizeof size);
      out << part;
    }
  }
}

size_t bytes_of(const std::vector<std::string>& parts) {
  size_t bytes = 0;
  for (const std::string& part : parts) bytes += part.size();
  return bytes;
}

void encode(benchmark::State& state, const Tokenizer& tokenizer,
            const std::vector<std::string>& parts) {
  size_t ids = 0;
  for (auto _ : state) {
    ids = 0;
    for (const std::string& part : parts) {
      ids += tokenizer.encode(part, {.add_special = false}).size();
    }
  }
  state.SetBytesProcessed(int64_t(bytes_of(parts) * state.iterations()));
  state.counters["ids"] = double(ids);
}

void decode(benchmark::State& state, const Tokenizer& tokenizer,
            const std::vector<std::string>& parts) {
  std::vector<std::vector<TokenId>> ids;
  for (const std::string& part : parts) {
    ids.push_back(tokenizer.encode(part, {.add_special = false}));
  }
  for (auto _ : state) {
    for (const std::vector<TokenId>& part : ids) {
      benchmark::DoNotOptimize(tokenizer.decode(part).value().data());
    }
  }
  state.SetBytesProcessed(int64_t(bytes_of(parts) * state.iterations()));
}

// The small ones of the tests, and the real ones beside the project where they are.
void register_all() {
  static const auto texts = all_texts();
  static std::vector<Tokenizer> tokenizers;
  static constexpr const char* kPaths[] = {
      "tests/golden/tokenizers/json-bpe-added.json",
      "tests/golden/tokenizers/json-unigram-bytes.json",
      "tests/golden/tokenizers/spm-unigram-bytes.model",
      "../shared/data/tokenizers/gpt-2/vocab.gguf",
      "../shared/data/tokenizers/starcoder/vocab.gguf",
      "../shared/data/tokenizers/deepseek-coder/vocab.gguf",
      "../shared/data/tokenizers/qwen2/vocab.gguf",
      "../shared/data/tokenizers/hf-phi-2/tokenizer.json",
      "../shared/data/tokenizers/hf-llama2/tokenizer.json",
      "../shared/data/tokenizers/llama-spm/tokenizer.model",
  };
  tokenizers.reserve(std::size(kPaths));
  for (const fs::path path : kPaths) {
    if (!fs::exists(kSource / path)) continue;
    const bool small = *path.begin() == "tests";
    const std::string name = (small ? path.stem() : path.parent_path().filename()).string();
    tokenizers.push_back(Tokenizer::open((kSource / path).string()).value());
    for (const auto& [text, parts] : texts) {
      benchmark::RegisterBenchmark(("Encode/" + name + "/" + text).c_str(), encode,
                                   std::cref(tokenizers.back()), std::cref(parts))
          ->Unit(benchmark::kMillisecond);
      benchmark::RegisterBenchmark(("Decode/" + name + "/" + text).c_str(), decode,
                                   std::cref(tokenizers.back()), std::cref(parts))
          ->Unit(benchmark::kMillisecond);
    }
  }
}

}  // namespace
}  // namespace llmos

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "--write-texts") {
    llmos::write_texts(argv[2]);
    return 0;
  }
  llmos::register_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
