import { join } from "node:path";
import { verifyStore } from "../engine/store/verify.ts";
import { type CliContext, EXIT } from "./context.ts";
import { printLine } from "./output.ts";

export async function checkStore(
  this: CliContext,
  flags: { readonly dataDir: string },
): Promise<void> {
  const report = await verifyStore(join(flags.dataDir, "db"));
  printLine(
    this,
    `revision ${report.revision}, ${report.objects} objects, ${report.records} records, ${report.problems.length} problems`,
  );
  for (const problem of report.problems) printLine(this, problem);
  if (report.problems.length > 0) this.process.exitCode = EXIT.differs;
}
