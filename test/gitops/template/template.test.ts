import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileTemplate, renderStrings } from "../../../src/gitops/template/template.ts";
import { TemplateError } from "../../../src/gitops/template/template-error.ts";

const values = {
  name: "web",
  count: 3,
  on: false,
  empty: "",
  path: { path: "apps/web", basename: "web", segments: ["apps", "web"], "0": "apps" },
  labels: { "a.b/c": "deep" },
  tags: ["x", "y"],
};
const render = (text: string): string => compileTemplate(text)(values);

describe("templates", () => {
  it.each([
    ["plain", "plain"],
    ["{{name}}", "web"],
    ["{{ .name }}-{{count}}", "web-3"],
    ["{{path}}", "apps/web"],
    ["{{path.basename}}", "web"],
    ["{{ .path.path }}", "apps/web"],
    ["{{path[0]}}", "apps"],
    ["{{ index .path.segments 1 }}", "web"],
    ['{{ index .labels "a.b/c" }}', "deep"],
    ['{{ .labels["a.b/c"] }}', "deep"],
    ["{{ .name | upper | quote }}", '"WEB"'],
    ["{{ upper .name }}", "WEB"],
    ['{{ .missing | default "none" }}', "none"],
    ['{{ default "none" .empty }}', "none"],
    ['{{ replace "e" "3" .name }}', "w3b"],
    ['{{ .tags | join "," }}', "x,y"],
    ["{{ .tags | toJson }}", '["x","y"]'],
    ['{{ splitList "/" .path.path | last }}', "web"],
    ["{{ trunc 2 .name }}", "we"],
    ["a  {{- .name -}}  b", "awebb"],
    ["{{/* nothing */}}x", "x"],
    ['{{ "Feature/ÄX_1" | slugify }}', "feature--x-1"],
  ])("%s is %s", (text, expected) => {
    expect(render(text)).toBe(expected);
  });

  it.each([
    ["{{ .missing }}", /no such parameter/],
    ["{{ .name | nothing }}", /no function nothing/],
    ["{{ .name | constructor }}", /no function constructor/],
    ["{{ .constructor }}", /no such parameter/],
    ["{{ .__proto__ }}", /no such parameter/],
    ["{{ if .name }}x{{ end }}", /if is not supported/],
    ["{{ range .tags }}", /range is not supported/],
    ["{{ .name", /without }}/],
    ["{{ }}", /is empty/],
    ["{{ .name | }}", /leads nowhere/],
    ["{{ $x }}", /not understood/],
    ["{{ .path.segments | upper }}", /a text is expected/],
  ])("%s is refused", (text, expected) => {
    expect(() => render(text)).toThrow(expected);
    expect(() => render(text)).toThrow(TemplateError);
  });

  it("renders every string of an object, keys included, and keeps the rest", () => {
    expect(
      renderStrings({ "{{name}}": ["{{count}}", 1, true, null, { deep: "{{name}}!" }] }, values),
    ).toEqual({ web: ["3", 1, true, null, { deep: "web!" }] });
  });

  it("does not read what values say as templates", () => {
    expect(compileTemplate("{{x}}")({ x: "{{ .secret }}", secret: "s" })).toBe("{{ .secret }}");
  });

  it("never fails but with its own error, whatever the text", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          compileTemplate(`{{${text}}}`)(values);
        } catch (error) {
          expect(error).toBeInstanceOf(TemplateError);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("takes linear time for hostile expressions", () => {
    const hostile = `{{ ${".a".repeat(20_000)} ${'"\\'.repeat(5_000)} }}`;
    expect(() => render(hostile)).toThrow(TemplateError);
  });

  it("bounds the result", () => {
    const large = compileTemplate("{{x}}".repeat(100));
    expect(() => large({ x: "y".repeat(100_000) })).toThrow(/longer than/);
  });
});
