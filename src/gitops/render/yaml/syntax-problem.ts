/** What a syntax error of the `yaml` library means to the person who wrote the file. */
import type { ErrorCode, YAMLError } from "yaml";
import type { YamlProblem } from "./yaml-document.ts";

interface Explanation {
  readonly message: string;
  readonly suggestion?: string;
}

const EXPLANATIONS: Partial<Record<ErrorCode, Explanation>> = {
  BAD_INDENT: {
    message: "the indentation does not fit the lines above",
    suggestion: "Start the line in the same column as its neighbours",
  },
  BLOCK_AS_IMPLICIT_KEY: {
    message: "a mapping cannot start here",
    suggestion: 'Put the value on its own line, or quote it if it contains ": "',
  },
  MULTILINE_IMPLICIT_KEY: {
    message: "a key must fit on one line",
    suggestion: "Check the indentation, and that no colon is missing above",
  },
  MISSING_CHAR: { message: "something is missing here" },
  UNEXPECTED_TOKEN: {
    message: "this does not belong here",
    suggestion: "Check the indentation of this line and of the one above",
  },
  BAD_SCALAR_START: {
    message: "a value cannot start with this character",
    suggestion: "Quote the value",
  },
};

export function syntaxProblem(error: YAMLError, text: string): YamlProblem {
  const offset = error.pos[0];
  if (error.code === "TAB_AS_INDENT")
    return {
      severity: "error",
      rule: "yaml/tab",
      message: "a tab is used for indentation",
      offset,
      suggestion: "Use spaces",
    };
  const explanation = EXPLANATIONS[error.code];
  const detail = withoutContent(lowerFirst(error.message));
  const suggestion = isTemplate(text) ? TEMPLATE_ADVICE : explanation?.suggestion;
  return {
    severity: "error",
    rule: "yaml/syntax",
    message: `malformed YAML: ${explanation === undefined || explanation.message === "something is missing here" ? detail : `${explanation.message} (${detail})`}`,
    offset,
    ...(suggestion !== undefined && { suggestion }),
  };
}

const TEMPLATE_ADVICE =
  "This looks like a template: render it first, or keep it out with directory.exclude";

/** Helm and friends: `{{ … }}` at the start of a line or of a value. */
function isTemplate(text: string): boolean {
  return /(?:^|[:-] *)"?\{\{/m.test(text);
}

/** The library quotes what it stumbled over, which may be part of a Secret. */
function withoutContent(message: string): string {
  return message.replace(
    /(?: in YAML stream)?: ".*"$|(?<=^block scalar header includes extra characters|^unresolved tag): .*$/s,
    "",
  );
}

function lowerFirst(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}
