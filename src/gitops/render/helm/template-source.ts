/** From what Helm prints to the template files that it comes from. */

/** The name that Helm printed above each document: `web/templates/deployment.yaml`. */
export function sourceComments(output: string): (line: number) => string | undefined {
  const lines: number[] = [];
  const names: string[] = [];
  const all = output.split("\n");
  all.forEach((text, index) => {
    // Only directly behind a separator: elsewhere it is text of the user.
    if (!text.startsWith("# Source: ") || (index > 0 && all[index - 1] !== "---")) return;
    lines.push(index + 1);
    names.push(text.slice("# Source: ".length).trim());
  });
  return (line) => {
    let found: string | undefined;
    for (const [index, start] of lines.entries()) {
      if (start > line) break;
      found = names[index];
    }
    return found;
  };
}

/** Where in the sandbox a template is: its name begins with the chart's, which its folder need not have. */
export function templatePath(name: string, chartName: string, chart: string): string | undefined {
  return name.startsWith(`${chartName}/`)
    ? `${chart}/${name.slice(chartName.length + 1)}`
    : undefined;
}

/**
 * The place that Helm blames: `template: web/templates/a.yaml:3:5`, `parse error at (…:3)`, or only
 * the file when what it rendered to is no YAML.
 */
export function blamedTemplate(
  stderr: string,
  chartName: string,
): { readonly name: string; readonly line: number; readonly column: number } | undefined {
  const placed = [...stderr.matchAll(/([^\s():"'<>]+):(\d+)(?::(\d+))?/g)].filter(([, name = ""]) =>
    name.startsWith(`${chartName}/`),
  );
  // The innermost place comes last.
  const last = placed.at(-1);
  if (last !== undefined)
    return { name: last[1] ?? "", line: Number(last[2]), column: Number(last[3] ?? 1) || 1 };
  const named = /(?:parse error on|to JSON on|unable to parse) ([^\s:]+)/.exec(stderr);
  return named === null ? undefined : { name: named[1] ?? "", line: 1, column: 1 };
}
