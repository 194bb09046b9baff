/** Argo CD's health scripts, unchanged: Lua that reads `obj` and returns a status and a message. */
import type { KubeObject } from "../../../kube/object.ts";
import { HEALTH_STATES, type Health, type HealthState, unknown } from "../health.ts";
import { RuleExhaustedError } from "./guarded-rule.ts";

/**
 * @returns a rule that throws when the script fails
 * @throws {Error} when the script is no Lua
 */
export async function luaRule(script: string): Promise<(object: KubeObject) => Health> {
  // The interpreter takes time and memory that most never need.
  const { checkScript, LuaExhaustedError, runScript } = await import("../lua/lua-sandbox.ts");
  checkScript(script);
  return (object) => {
    try {
      const { status, message } = runScript(script, object, () => performance.now());
      const state = HEALTH_STATES.find((known): known is HealthState => known === status);
      if (state === undefined) return unknown("the script returned no health status");
      const isExplained = message !== undefined && message !== "";
      return isExplained ? { status: state, message } : { status: state };
    } catch (error) {
      if (error instanceof LuaExhaustedError) throw new RuleExhaustedError(error.message);
      throw error;
    }
  };
}
