// Routes, problems and metrics against the OpenAPI document and the pages in docs/.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "api/api.hpp"
#include "api/metrics.hpp"
#include "api/problem.hpp"

namespace gpuhub::api {
namespace {
namespace json = boost::json;

std::string page(const std::string& name) {
  std::ostringstream out;
  out << std::ifstream{SOURCE_DIR "/docs/" + name}.rdbuf();
  return out.str();
}

std::set<std::string> in_code() {
  std::set<std::string> out;
  for (const auto& [method, path] : routes()) out.insert(method + " " + path);
  return out;
}

TEST(Agreement, DocumentHasExactlyTheRoutes) {
  const json::value document = json::parse(openapi_document());
  std::set<std::string> in_document;
  for (const auto& path : document.at("paths").as_object()) {
    for (const auto& method : path.value().as_object()) {
      if (method.key() == "parameters") continue;
      std::string name{method.key()};
      for (char& c : name) c = static_cast<char>(std::toupper(c));
      in_document.insert(name + " " + std::string{path.key()});
    }
  }
  EXPECT_EQ(in_document, in_code());
}

TEST(Agreement, EveryReferenceInTheDocumentLeadsSomewhere) {
  const std::string text{openapi_document()};
  const json::value document = json::parse(text);
  const json::object& schemas = document.at("components").at("schemas").as_object();
  const std::regex reference{R"(#/components/schemas/(\w+))"};
  std::set<std::string> used;
  for (std::sregex_iterator it{text.begin(), text.end(), reference}, end; it != end; ++it) {
    EXPECT_TRUE(schemas.contains((*it)[1].str())) << (*it)[1];
    used.insert((*it)[1]);
  }
  EXPECT_EQ(used.size(), schemas.size());  // and none is left over
}

TEST(Agreement, DocumentNamesEveryProblem) {
  const json::value document = json::parse(openapi_document());
  std::set<std::string> in_document, known;
  const json::value& type = document.at("components").at("schemas").at("Problem").at("properties")
                                .at("type").at("enum");
  for (const json::value& one : type.as_array()) in_document.emplace(one.as_string());
  for (const ProblemKind& kind : problem_kinds()) {
    known.insert("urn:gpuhub:problem:" + std::string{kind.slug});
  }
  EXPECT_EQ(in_document, known);
}

TEST(Agreement, ThePageNamesEveryCallAndProblemAndNoOther) {
  const std::string text = page("api.md");
  std::set<std::string> calls, slugs, known;
  const std::regex call{R"(\n\| `((GET|PUT|POST|PATCH|DELETE) [^`]+)` \|)"};
  for (std::sregex_iterator it{text.begin(), text.end(), call}, end; it != end; ++it) {
    calls.insert((*it)[1]);
  }
  EXPECT_EQ(calls, in_code());
  const std::regex row{R"(\n\| `([a-z-]+)` \| (\d\d\d) \|)"};
  for (std::sregex_iterator it{text.begin(), text.end(), row}, end; it != end; ++it) {
    slugs.insert((*it)[1].str() + " " + (*it)[2].str());
  }
  for (const ProblemKind& kind : problem_kinds()) {
    known.insert(std::string{kind.slug} + " " + std::to_string(kind.status));
  }
  EXPECT_EQ(slugs, known);
}

TEST(Agreement, ThePageNamesEveryMetricAndNoOther) {
  const std::string text = page("metrics.md");
  std::set<std::string> named, known;
  const std::regex row{R"(\n\| `(gpuhub_\w+)` \|)"};
  for (std::sregex_iterator it{text.begin(), text.end(), row}, end; it != end; ++it) {
    named.insert((*it)[1]);
  }
  for (const MetricKind& kind : metric_kinds()) known.emplace(kind.name);
  EXPECT_EQ(named, known);
}

}  // namespace
}  // namespace gpuhub::api
