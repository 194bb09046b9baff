/** The bounded matcher finds what Lua's own finds. */
import fc from "fast-check";
import fengari from "fengari";
import { expect, it } from "vitest";
import { LuaPattern, LuaPatternError } from "../../../../src/gitops/health/lua/lua-pattern.ts";

const { lua, lauxlib, lualib, to_jsstring, to_luastring } = fengari;

/** `string.find(text, pattern)` of the interpreter: start, end and captures as text. */
function inLua(text: string, pattern: string): string {
  const L = lauxlib.luaL_newstate();
  lauxlib.luaL_requiref(L, to_luastring("string"), lualib.luaopen_string, 1);
  lua.lua_getfield(L, -1, to_luastring("find"));
  for (const argument of [text, pattern])
    lua.lua_pushlstring(L, to_luastring(argument), argument.length);
  const top = lua.lua_gettop(L) - 3;
  if (lua.lua_pcall(L, 2, -1, 0) !== lua.LUA_OK) return "error";
  const count = lua.lua_gettop(L) - top;
  const results = Array.from({ length: count }, (_, index) => {
    const result = to_jsstring(lauxlib.luaL_tolstring(L, top + 1 + index));
    lua.lua_pop(L, 1);
    return result;
  });
  return results.join(",");
}

function here(text: string, pattern: string): string {
  let left = 1_000_000;
  try {
    const match = new LuaPattern(pattern, (steps) => {
      left -= steps;
      if (left < 0) throw new Error("it took too long");
    }).find(text, 0);
    if (match === undefined) return "nil";
    return [match.start + 1, match.end, ...match.captures].join(",");
  } catch (error) {
    if (error instanceof LuaPatternError) return "error";
    throw error;
  }
}

const ITEMS = [
  ..."a b . %a %d %w %s %A [ab] [^a] [a-c] [%d_] []a] %. %% %b() ( ) () %1 ^ $".split(" "),
  ..."a* b+ .- [ab]? %w+ .* a- (a) (.-) (%d+) [ % ]".split(" "),
];

it("for any pattern and text", () => {
  const pattern = fc.array(fc.constantFrom(...ITEMS), { maxLength: 6 }).map((it) => it.join(""));
  const text = fc.string({ unit: fc.constantFrom(..."ab1_ ()."), maxLength: 10 });
  fc.assert(
    fc.property(pattern, text, (source, subject) => {
      // Without a special character Lua searches for the text itself.
      fc.pre(/[\^$*+?.([%-]/.test(source));
      // What Lua makes of a reference to a position makes no sense.
      fc.pre(!(source.includes("()") && source.includes("%1")));
      expect(here(subject, source)).toBe(inLua(subject, source));
    }),
    { numRuns: 5000 },
  );
});

// By the manual: the interpreter's own loses a match when it backtracks to the start of the text.
it.each([
  ["THE (quick) fox", "%f[%a]%a+%f[%A]", "1,3"],
  ["THE (quick) fox", "%f[%l]%a+", "6,10"],
  ["a", ".*%f[%w]", "1,0"],
  ["ab", "%f[%z]", "3,2"],
  ["ab", "b%f[%w]", "nil"],
])("frontiers: %s in %s", (text, pattern, found) => {
  expect(here(text, pattern)).toBe(found);
});
