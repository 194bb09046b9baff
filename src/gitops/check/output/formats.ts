/** The formats of `gantry validate --output`. */
import type { ValidationReport } from "../validate-paths.ts";
import { formatGithub } from "./github.ts";
import { formatJson } from "./json.ts";
import { formatJunit } from "./junit.ts";
import { formatSarif } from "./sarif.ts";
import { formatTap } from "./tap.ts";
import { formatText } from "./text.ts";

export interface FormatOptions {
  /** @default false */
  readonly color?: boolean;
  /** JSON: list valid resources, too. @default false */
  readonly verbose?: boolean;
}

export type OutputFormat = "text" | "json" | "junit" | "tap" | "sarif" | "github";

/** Each gives the whole output, ending with a line end. */
export const formats: Readonly<
  Record<OutputFormat, (report: ValidationReport, options: FormatOptions) => string>
> = {
  text: (report, options) => `${formatText(report, options)}\n`,
  json: formatJson,
  junit: formatJunit,
  tap: formatTap,
  sarif: formatSarif,
  github: formatGithub,
};
