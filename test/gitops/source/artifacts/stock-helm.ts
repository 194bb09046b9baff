/** The real helm, as `.ci/run` puts it into the cache of tools. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { findHelm, pathOf } from "../../../stock-tools.ts";

const HELM = pathOf(await findHelm());
const run = promisify(execFile);

export async function helm(directory: string, ...args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await run(HELM, args, {
    cwd: directory,
    env: { PATH: "/usr/bin:/bin", HOME: directory, HELM_CONFIG_HOME: join(directory, ".helm") },
  });
  return stdout + stderr;
}

/** A folder with archives of a chart, one for each version; `NAME-VERSION.tgz`. */
export async function packagedChart(name: string, versions: readonly string[]): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "charts-"));
  for (const version of versions) {
    const chart = join(directory, `source-${version}`, name);
    mkdirSync(join(chart, "templates"), { recursive: true });
    writeFileSync(
      join(chart, "Chart.yaml"),
      `apiVersion: v2\nname: ${name}\nversion: ${version}\ndescription: of a test\n`,
    );
    writeFileSync(join(chart, "values.yaml"), `from: ${version}\n`);
    writeFileSync(join(chart, "templates", "cm.yaml"), "kind: ConfigMap\n");
    await helm(directory, "package", chart, "--destination", directory);
  }
  return directory;
}
