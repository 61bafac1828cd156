// SPDX-License-Identifier: MIT
// Tests of the manifest's text.
#include "tests/support/catch.h"
#include "workers/confd-writer/manifest.h"

using mmsd::confd::formatManifest;
using mmsd::confd::Manifest;
using mmsd::confd::parseManifest;

TEST_CASE("manifest: one name and id a line, sorted, and back", "[workers][confd]") {
    const Manifest manifest{{"b.instances", "/b"}, {"a.b-1.instances", "/a/b"}};
    CHECK(formatManifest(manifest) == "a.b-1.instances /a/b\nb.instances /b\n");
    CHECK(parseManifest(formatManifest(manifest)) == manifest);
    CHECK(formatManifest({}).empty());
    CHECK(parseManifest("").empty());
}

TEST_CASE("manifest: never names what is not ours", "[workers][confd]") {
    CHECK(parseManifest("../etc/passwd.instances /x\n"
                        "/etc/x.instances /x\n"
                        "notes.txt /x\n"
                        ".mmsd-manifest /x\n"
                        "noid.instances\n"
                        "\n"
                        "a..b.instances /x\n"
                        "ok.instances /ok") == Manifest{{"ok.instances", "/ok"}});
}
