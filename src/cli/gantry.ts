#!/usr/bin/env node
/** The `gantry` command: finds the subcommand, runs it, turns failures into messages and exit codes. */
import { type ApplicationContext, run } from "@stricli/core";
import { matchPatternsInLinearTime } from "../server/linear-patterns.ts";
import { application } from "./application.ts";
import { type CliContext, EXIT } from "./context.ts";

matchPatternsInLinearTime();
// Node's and stricli's types of `exitCode` differ only in `undefined`.
await run(application, process.argv.slice(2), { process } as ApplicationContext & CliContext);
// Wrong usage: stricli's own codes are negative, scripts expect 2.
if (Number(process.exitCode) < 0 || Number(process.exitCode) > 125) process.exitCode = EXIT.failed;
