// SPDX-License-Identifier: MIT
// Build-time tool: fills the settings table into man pages, completions and the example file.
#include "protocol/settings.h"

#include <cctype>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

using mmsd::protocol::Setting;
using mmsd::protocol::SettingType;

/** Lines of a template that stand for the table, whatever comment sign precedes them. */
constexpr std::string_view kMarker = "@SETTINGS@";

std::string replaceAll(std::string text, std::string_view from, std::string_view to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
        text.replace(at, from.size(), to);
    return text;
}

std::string join(std::string_view choices, std::string_view separator) {
    return replaceAll(std::string{choices}, "|", separator);
}

bool isFileSetting(const Setting& row) {
    return !row.isCommandLineOnly;
}

/** The help as a sentence of its own. */
std::string sentence(const Setting& row) {
    std::string text = row.help;
    text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
    return text + '.';
}

/** The default as `--help` shows it; empty if there is none worth telling. */
std::string_view shownDefault(const Setting& row, bool isFalseShown) {
    const std::string_view value = row.defaultValue;
    return value == "false" && !isFalseShown ? std::string_view{} : value;
}

/** Text that roff takes as it stands: no control line, no escape, no argument that is a macro. */
std::string roff(std::string text) {
    text = replaceAll(std::move(text), "\\", "\\e");
    text = replaceAll(std::move(text), "…", "...");
    text = replaceAll(std::move(text), "`", "");
    return text.starts_with('.') || text.starts_with('\'') ? "\\&" + text : text;
}

/** Text for mandoc's taste: lines of at most 78 octets. */
std::string wrapped(std::string text) {
    constexpr std::size_t kWidth = 78;
    for (std::size_t start = 0; text.size() - start > kWidth;) {
        const std::size_t blank = text.rfind(' ', start + kWidth);
        if (blank == std::string::npos || blank <= start)
            break;
        text[blank] = '\n';
        start = blank + 1;
    }
    return text;
}

void appendPlaceholder(std::string& line, const Setting& row) {
    line.append("Ar ").append(row.type == SettingType::Choice ? "WORD" : roff(row.placeholder));
}

void appendDescription(std::string& out, const Setting& row, bool isFalseShown) {
    out.append(wrapped(roff(sentence(row)))).append("\n");
    if (row.type == SettingType::Choice)
        out.append(wrapped("One of " + join(row.placeholder, ", ") + ".")).append("\n");
    if (const auto value = shownDefault(row, isFalseShown); !value.empty())
        // What ends in a dot must not end a sentence.
        out.append("Default:\n.Ql ").append(roff(std::string{value})).append("\\& .\n");
}

void appendManFlag(std::string& out, const Setting& row) {
    out.append(".It ");
    if (row.shortName != 0)
        out.append("Fl ").append(1, row.shortName).append(" , ");
    out.append("Fl -").append(row.name);
    if (row.type != SettingType::Bool) {
        out.append(" Ns = Ns ");
        appendPlaceholder(out, row);
    }
    out += '\n';
    appendDescription(out, row, false);
}

void appendManSetting(std::string& out, const Setting& row) {
    if (!isFileSetting(row))
        return;
    out.append(".It Ic ").append(row.name).append(" = ");
    if (row.type == SettingType::Bool)
        out.append("Cm true | false");
    else
        appendPlaceholder(out, row);
    out += '\n';
    appendDescription(out, row, true);
}

void appendExample(std::string& out, const Setting& row) {
    if (!isFileSetting(row) || row.synonymOf != nullptr)
        return;
    out.append("\n# ").append(sentence(row));
    if (row.type == SettingType::Choice)
        out.append(" One of ").append(join(row.placeholder, ", ")).append(".");
    else if (row.type != SettingType::Bool)
        out.append(" (").append(row.placeholder).append(")");
    out.append("\n#").append(row.name).append(" =");
    if (*row.defaultValue != '\0')
        out.append(" ").append(row.defaultValue);
    out += '\n';
}

/** What kind of value bash completes; the kinds are those of completion/mmsd.bash.in. */
std::string bashKind(const Setting& row) {
    const std::string_view placeholder = row.placeholder;
    if (row.type == SettingType::Bool)
        return "bool";
    if (row.type == SettingType::Choice)
        return "'words " + join(placeholder, " ") + "'";
    if (row.type == SettingType::Hosts)
        return "host";
    if (placeholder == "DIR")
        return "folder";
    if (placeholder == "FILE")
        return "file";
    if (placeholder == "COMMAND")
        return "command";
    return placeholder == "USER" ? "user" : "any";
}

void appendBash(std::string& out, const Setting& row) {
    const char* const end = row.type == SettingType::Bool ? "" : "=";
    out.append("    flags+=(--").append(row.name).append(end).append(") kinds[--");
    out.append(row.name).append("]=").append(bashKind(row)).append("\n");
}

std::string zshValue(const Setting& row) {
    const std::string_view placeholder = row.placeholder;
    if (row.type == SettingType::Choice)
        return "(" + join(placeholder, " ") + ")";
    if (placeholder == "DIR")
        return "_directories";
    if (placeholder == "FILE")
        return "_files";
    if (placeholder == "COMMAND")
        return "_command_names -e";
    if (placeholder == "USER")
        return "_users";
    if (row.type == SettingType::Hosts)
        return "_hosts";
    return "";
}

/** One argument of zsh's _arguments, `flag=[help]:message:action`, in single quotes. */
void appendZsh(std::string& out, const Setting& row) {
    const auto escape = [](std::string text, std::string_view specials) {
        for (const char special : specials)
            text = replaceAll(std::move(text), {&special, 1}, std::string{"\\"} + special);
        return replaceAll(std::move(text), "'", "'\\''");
    };
    const std::string flag = std::string{"--"} + row.name;
    std::string tail = "[" + escape(row.help, "\\[]:") + "]";
    if (row.type == SettingType::Bool) {
        if (row.shortName == 0)
            tail = "=-" + tail + "::word:(true false)";
    } else {
        const bool isChoice = row.type == SettingType::Choice;
        tail = "=" + tail + ":" + escape(isChoice ? "word" : row.placeholder, "\\:") + ":" +
               zshValue(row);
    }
    out.append("        '");
    if (row.shortName != 0) {
        const std::string shortFlag{'-', row.shortName};
        out.append("(" + flag + " " + shortFlag + ")'{" + shortFlag + "," + flag + "}'");
    } else {
        out.append(flag);
    }
    out.append(tail).append("'\n");
}

using Append = void (*)(std::string& out, const Setting& row);

Append findForm(std::string_view name) {
    struct Form {
        std::string_view name;
        Append append;
    };
    constexpr Form kForms[] = {{"man-flags", appendManFlag},
                               {"man-settings", appendManSetting},
                               {"example", appendExample},
                               {"bash", appendBash},
                               {"zsh", appendZsh}};
    for (const Form& form : kForms)
        if (form.name == name)
            return form.append;
    throw std::invalid_argument{"unknown form " + std::string{name}};
}

std::string readTemplate(const char* path) {
    std::ifstream file{path};
    std::string text{std::istreambuf_iterator<char>{file}, {}};
    if (!file || text.find(kMarker) == std::string::npos)
        throw std::runtime_error{std::string{path} + ": cannot be read, or has no " +
                                 std::string{kMarker}};
    return text;
}

std::string fill(const std::string& text, Append append) {
    std::string out;
    std::istringstream lines{text};
    for (std::string line; std::getline(lines, line);) {
        if (line.find(kMarker) == std::string::npos) {
            out.append(line).append("\n");
            continue;
        }
        for (const Setting& row : mmsd::protocol::settingsTable())
            if ((row.processes & mmsd::protocol::kForSupervisor) != 0)
                append(out, row);
    }
    return out;
}

} // namespace

int main(int argc, char* argv[]) {
    try {
        if (argc != 4)
            throw std::invalid_argument{"usage: describe_settings FORM TEMPLATE OUTPUT"};
        const std::string text = fill(readTemplate(argv[2]), findForm(argv[1]));
        std::ofstream file{argv[3], std::ios::binary};
        file << text << std::flush;
        if (!file)
            throw std::runtime_error{std::string{argv[3]} + ": cannot be written"};
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "describe_settings: %s\n", error.what());
        return 1;
    }
}
