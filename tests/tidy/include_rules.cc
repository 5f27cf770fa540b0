// SPDX-License-Identifier: Apache-2.0
#include "tidy/include_rules.h"

#include <algorithm>
#include <optional>
#include <sstream>

namespace llmos::tidy {

namespace {

constexpr std::string_view kPublic = "include/llmos/";

struct Include {
  int line;
  std::string name;
  bool quoted;
};

// nullopt: no include directive. An empty name: one whose file is computed by a macro.
std::optional<Include> parse_include(std::string_view line, int number) {
  const auto skip_blanks = [&line] {
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  };
  skip_blanks();
  if (!line.starts_with('#')) return std::nullopt;
  line.remove_prefix(1);
  skip_blanks();
  if (!line.starts_with("include")) return std::nullopt;
  line.remove_prefix(7);
  skip_blanks();
  if (line.empty() || (line[0] != '"' && line[0] != '<')) return Include{number, "", false};
  const bool quoted = line[0] == '"';
  line.remove_prefix(1);
  return Include{number, std::string(line.substr(0, line.find(quoted ? '"' : '>'))), quoted};
}

std::vector<Include> includes_of(std::string_view text) {
  std::vector<Include> includes;
  int number = 0;
  for (const std::string_view line : lines_of(text)) {
    if (auto include = parse_include(line, ++number)) includes.push_back(*include);
  }
  return includes;
}

bool is_code(std::string_view path) {
  const std::string_view ext = extension_of(path);
  return ext == "h" || ext == "cc" || ext == "cu" || ext == "cuh" || ext == "c";
}

// The checks of one file at a time; offences gather in `offences`.
class IncludeChecker {
 public:
  IncludeChecker(const SourceTree& tree, const Floors& floors) : tree_(tree), floors_(floors) {}

  std::vector<Offence> run() {
    for (const auto& [path, text] : tree_) {
      if (!is_code(path)) continue;
      if (path.starts_with("src/") || path.starts_with("kernels/")) check_module_file(path, text);
      if (path.starts_with(kPublic)) check_public_header(path, text);
      if (path.starts_with("examples/")) check_example(path, text);
    }
    for (const auto& [header, owner] : floors_.header_owner) {
      if (!tree_.contains(std::string(kPublic) + header)) {
        offend(std::string(kPublic) + header, 0, "listed by module " + owner + ", but missing");
      }
    }
    return std::move(offences_);
  }

 private:
  void offend(const std::string& path, int line, const std::string& text) {
    offences_.push_back({path, line, text});
  }

  // Where a quoted include of `path` leads; "" when nowhere.
  std::string resolve(const std::string& path, const std::string& name) const {
    const std::string own_folder = path.substr(0, path.rfind('/') + 1);
    for (const std::string& folder :
         {own_folder, std::string("include/"), std::string("src/"), std::string()}) {
      if (tree_.contains(folder + name)) return folder + name;
    }
    return "";
  }

  // The module a file of src/, kernels/ or include/llmos/ belongs to; "" when none.
  std::string module_of(const std::string& path) const {
    std::string module = path.starts_with("kernels/") ? "kernels" : folder_after(path, "src/");
    if (path.starts_with(kPublic)) {
      const auto owner = floors_.header_owner.find(path.substr(kPublic.size()));
      module = owner == floors_.header_owner.end() ? "" : owner->second;
    }
    return floors_.modules.contains(module) ? module : "";
  }

  std::string name_of(const std::string& path, const std::string& module) const {
    return path + " (" + module + ", floor " + std::to_string(floors_.modules.at(module).floor) +
           ")";
  }

  void check_edge(const std::string& path, const std::string& module, const Include& include,
                  const std::string& target) {
    const std::string target_module = module_of(target);
    if (target_module.empty()) {
      offend(path, include.line, target + " belongs to no module");
    } else if (target_module != module) {
      const std::string pair = name_of(path, module) + " -> " + name_of(target, target_module);
      if (floors_.modules.at(target_module).floor >= floors_.modules.at(module).floor) {
        offend(path, include.line, "refused edge " + pair + ": only strictly lower floors");
      } else if (!floors_.closure(module).contains(target_module)) {
        offend(path, include.line, "undeclared edge " + pair + ": add it to DEPS of " + module);
      }
    }
  }

  void check_module_file(const std::string& path, const std::string& text) {
    const std::string module = module_of(path);
    if (module.empty()) return offend(path, 0, "belongs to no module: no llmos_module() names it");
    for (const Include& include : includes_of(text)) {
      if (include.name.empty()) {
        offend(path, include.line, "computed include: name the file");
        continue;
      }
      const std::string target = resolve(path, include.name);
      if (!target.empty()) {
        check_edge(path, module, include, target);
      } else if (include.quoted || include.name.starts_with("llmos/")) {
        offend(path, include.line, "unresolved include of " + include.name);
      }
    }
  }

  void check_public_header(const std::string& path, const std::string& text) {
    const std::string module = module_of(path);
    if (module.empty()) return offend(path, 0, "public header listed by no module's HEADERS");
    for (const Include& include : includes_of(text)) {
      const std::string target = "include/" + include.name;
      if (target.starts_with(kPublic)) {
        if (tree_.contains(target)) {
          check_edge(path, module, include, target);
        } else {
          offend(path, include.line, "unresolved include of " + include.name);
        }
      } else if (include.quoted || !is_standard_header(include.name)) {
        offend(path, include.line,
               "public header includes " + include.name +
                   ": expected the standard library or a public header");
      }
    }
  }

  void check_example(const std::string& path, const std::string& text) {
    const std::string own_folder = path.substr(0, path.rfind('/') + 1);
    const bool is_program = own_folder != "examples/";
    for (const Include& include : includes_of(text)) {
      const bool is_public =
          tree_.contains("include/" + include.name) && include.name.starts_with("llmos/");
      const bool is_own = include.quoted && (tree_.contains(own_folder + include.name) ||
                                             tree_.contains("examples/" + include.name));
      const bool is_inner =
          tree_.contains("src/" + include.name) || tree_.contains(include.name);  // "kernels/..."
      // Whether a terminal is there, and its signals, are not in the standard library.
      const bool is_system =
          is_program || is_standard_header(include.name) || include.name == "unistd.h";
      if (!is_public && !is_own && (include.quoted || is_inner || !is_system)) {
        offend(path, include.line,
               "example includes " + include.name + ": expected llmos/..., the standard library" +
                   (is_program ? " or another library" : " or unistd.h"));
      }
    }
  }

  const SourceTree& tree_;
  const Floors& floors_;
  std::vector<Offence> offences_;
};

}  // namespace

Floors Floors::parse(std::string_view text) {
  Floors floors;
  for (const std::string_view line : lines_of(text)) {
    std::istringstream words{std::string(line)};
    std::string kind, name;
    words >> kind >> name;
    if (kind == "module") {
      Module& module = floors.modules[name];
      std::string dep;
      words >> module.floor >> std::ws;
      while (std::getline(words, dep, ',')) module.deps.insert(dep);
    } else if (kind == "header") {
      words >> floors.header_owner[name];
    }
  }
  return floors;
}

std::set<std::string> Floors::closure(const std::string& name) const {
  std::set<std::string> reached;
  std::vector<std::string> open{name};
  while (!open.empty()) {
    const auto module = modules.find(open.back());
    open.pop_back();
    if (module == modules.end()) continue;
    for (const std::string& dep : module->second.deps) {
      if (reached.insert(dep).second) open.push_back(dep);
    }
  }
  return reached;
}

std::vector<Offence> check_includes(const SourceTree& tree, const Floors& floors) {
  return IncludeChecker(tree, floors).run();
}

bool is_standard_header(std::string_view name) {
  static constexpr std::string_view kCxx[] = {"algorithm",
                                              "any",
                                              "array",
                                              "atomic",
                                              "barrier",
                                              "bit",
                                              "bitset",
                                              "charconv",
                                              "chrono",
                                              "codecvt",
                                              "compare",
                                              "complex",
                                              "concepts",
                                              "condition_variable",
                                              "coroutine",
                                              "deque",
                                              "exception",
                                              "execution",
                                              "filesystem",
                                              "format",
                                              "forward_list",
                                              "fstream",
                                              "functional",
                                              "future",
                                              "initializer_list",
                                              "iomanip",
                                              "ios",
                                              "iosfwd",
                                              "iostream",
                                              "istream",
                                              "iterator",
                                              "latch",
                                              "limits",
                                              "list",
                                              "locale",
                                              "map",
                                              "memory",
                                              "memory_resource",
                                              "mutex",
                                              "new",
                                              "numbers",
                                              "numeric",
                                              "optional",
                                              "ostream",
                                              "queue",
                                              "random",
                                              "ranges",
                                              "ratio",
                                              "regex",
                                              "scoped_allocator",
                                              "semaphore",
                                              "set",
                                              "shared_mutex",
                                              "source_location",
                                              "span",
                                              "sstream",
                                              "stack",
                                              "stdexcept",
                                              "stop_token",
                                              "streambuf",
                                              "string",
                                              "string_view",
                                              "syncstream",
                                              "system_error",
                                              "thread",
                                              "tuple",
                                              "type_traits",
                                              "typeindex",
                                              "typeinfo",
                                              "unordered_map",
                                              "unordered_set",
                                              "utility",
                                              "valarray",
                                              "variant",
                                              "vector",
                                              "version"};
  static constexpr std::string_view kC[] = {
      "assert", "ctype",  "errno",  "fenv",   "float",  "inttypes", "limits",
      "locale", "math",   "setjmp", "signal", "stdarg", "stddef",   "stdint",
      "stdio",  "stdlib", "string", "time",   "uchar",  "wchar",    "wctype"};
  if (std::ranges::find(kCxx, name) != std::end(kCxx)) return true;
  if (name == "stdbool.h") return true;
  std::string_view c_name = name;
  if (name.ends_with(".h")) {
    c_name.remove_suffix(2);
  } else if (name.starts_with('c')) {
    c_name.remove_prefix(1);
  } else {
    return false;
  }
  return std::ranges::find(kC, c_name) != std::end(kC);
}

}  // namespace llmos::tidy
