/** `string.find`, `match`, `gmatch`, `gsub` and `rep`, bounded: instead of the interpreter's own. */
import fengari, { type LuaFunction, type LuaState } from "fengari";
import type { LuaBudget } from "./lua-budget.ts";
import { type LuaCapture, type LuaMatch, LuaPattern } from "./lua-pattern.ts";

const { lua, lauxlib, to_luastring } = fengari;

/** Any of these makes a text a pattern. */
const SPECIAL = /[\^$*+?.([%-]/;

export function stringFunctions(budget: LuaBudget): Readonly<Record<string, LuaFunction>> {
  const charge = (steps: number): void => budget.charge(steps);
  const read = (L: LuaState, argument: number): string => {
    const bytes = lauxlib.luaL_checklstring(L, argument);
    budget.chargeText(bytes.length);
    return fromBytes(bytes);
  };
  const search = (L: LuaState, isFind: boolean): number => {
    const [text, pattern] = [read(L, 1), read(L, 2)];
    const from = startOf(lauxlib.luaL_optinteger(L, 3, 1), text.length);
    if (from > text.length) return pushNil(L);
    if (isFind && (lua.lua_toboolean(L, 4) || !SPECIAL.test(pattern))) {
      const at = text.indexOf(pattern, from);
      if (at < 0) return pushNil(L);
      lua.lua_pushinteger(L, at + 1);
      lua.lua_pushinteger(L, at + pattern.length);
      return 2;
    }
    const match = new LuaPattern(pattern, charge).find(text, from);
    if (match === undefined) return pushNil(L);
    if (!isFind) return pushCaptures(L, match, text);
    lua.lua_pushinteger(L, match.start + 1);
    lua.lua_pushinteger(L, match.end);
    for (const capture of match.captures) pushCapture(L, capture);
    return 2 + match.captures.length;
  };
  return {
    find: (L) => search(L, true),
    match: (L) => search(L, false),
    gmatch: (L) => {
      const [text, source] = [read(L, 1), read(L, 2)];
      const pattern = new LuaPattern(source, charge, false);
      let at = 0;
      lua.lua_pushcfunction(L, (state) =>
        raiseErrors(state, () => {
          const match = pattern.find(text, at);
          if (match === undefined) return pushNil(state);
          // An empty match would be found again for ever.
          at = match.end > match.start ? match.end : match.end + 1;
          return pushCaptures(state, match, text);
        }),
      );
      return 1;
    },
    gsub: (L) => {
      const [text, source] = [read(L, 1), read(L, 2)];
      const most = lauxlib.luaL_optinteger(L, 4, text.length + 1);
      const pattern = new LuaPattern(source, charge);
      const parts: string[] = [];
      let [at, count, bytes] = [0, 0, 0];
      const add = (part: string): void => {
        bytes += part.length;
        budget.chargeText(bytes);
        parts.push(part);
      };
      while (count < most) {
        const match = pattern.matchAt(text, at);
        if (match !== undefined) {
          count++;
          add(replacement(L, match, text));
        }
        if (match !== undefined && match.end > at) at = match.end;
        else if (at < text.length) add(text.charAt(at++));
        else break;
        if (pattern.isAnchored) break;
      }
      add(text.slice(at));
      pushBytes(L, parts.join(""));
      lua.lua_pushinteger(L, count);
      return 2;
    },
    rep: (L) => {
      const text = read(L, 1);
      const times = Math.max(0, lauxlib.luaL_checkinteger(L, 2));
      const separator = lua.lua_gettop(L) < 3 ? "" : read(L, 3);
      budget.chargeText(times * (text.length + separator.length));
      pushBytes(L, times === 0 ? "" : text + (separator + text).repeat(times - 1));
      return 1;
    },
  };
}

/** What stands in for a match: text with `%1`, a field of a table, or what a function gives. */
function replacement(L: LuaState, match: LuaMatch, text: string): string {
  const whole = text.slice(match.start, match.end);
  const type = lua.lua_type(L, 3);
  if (type === lua.LUA_TFUNCTION) {
    lua.lua_pushvalue(L, 3);
    lua.lua_call(L, pushCaptures(L, match, text), 1);
  } else if (type === lua.LUA_TTABLE) {
    pushCapture(L, match.captures[0] ?? whole);
    lua.lua_rawget(L, 3);
  } else {
    const template = fromBytes(lauxlib.luaL_checklstring(L, 3));
    return template.replaceAll(/%(.?)/gs, (_, letter: string) => {
      if (letter === "0") return whole;
      if (letter >= "1" && letter <= "9") {
        const capture = match.captures[Number(letter) - 1];
        if (capture !== undefined) return String(capture);
        if (letter === "1") return whole;
      } else if (letter === "%") return "%";
      return lauxlib.luaL_error(L, to_luastring("invalid use of '%' in replacement string"));
    });
  }
  const isKept = !lua.lua_toboolean(L, -1);
  const bytes = isKept ? null : lua.lua_tolstring(L, -1);
  if (!isKept && bytes === null) lauxlib.luaL_error(L, to_luastring("invalid replacement value"));
  lua.lua_pop(L, 1);
  return bytes === null ? whole : fromBytes(bytes);
}

/** Errors of bounds and of patterns become errors of Lua. */
export function raiseErrors(L: LuaState, body: () => number): number {
  try {
    return body();
  } catch (error) {
    // What the interpreter throws itself is no Error.
    if (error instanceof Error) return lauxlib.luaL_error(L, to_luastring(error.message));
    throw error;
  }
}

function pushCaptures(L: LuaState, { start, end, captures }: LuaMatch, text: string): number {
  if (captures.length === 0) {
    pushBytes(L, text.slice(start, end));
    return 1;
  }
  lauxlib.luaL_checkstack(L, captures.length, null);
  for (const capture of captures) pushCapture(L, capture);
  return captures.length;
}

function pushCapture(L: LuaState, capture: LuaCapture): void {
  if (typeof capture === "number") lua.lua_pushinteger(L, capture);
  else pushBytes(L, capture);
}

function pushNil(L: LuaState): number {
  lua.lua_pushnil(L);
  return 1;
}

/** From 0, of Lua's index from 1, or from the end when negative. */
function startOf(index: number, length: number): number {
  if (index > 0) return index - 1;
  return index === 0 ? 0 : Math.max(0, length + index);
}

function pushBytes(L: LuaState, text: string): void {
  lua.lua_pushlstring(
    L,
    Uint8Array.from(text, (character) => character.charCodeAt(0)),
    text.length,
  );
}

/** One character per byte. */
function fromBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}
