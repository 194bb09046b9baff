/** JSON into Lua, and text out of it. */
import fengari, { type LuaState } from "fengari";

const { lua, lauxlib, to_jsstring, to_luastring } = fengari;

/** Values of one object: far above what a cluster stores in its status. */
const MAX_NODES = 200_000;
/** Deeper than any manifest, and shallow enough for recursion. */
const MAX_DEPTH = 128;
/** fengari's integers have 32 bits; greater numbers are floats. */
const MAX_INTEGER = 2 ** 31 - 1;

export class LuaValueError extends Error {
  override readonly name = "LuaValueError";
}

/** Pushes a value as Argo CD's scripts expect it: null is nil, lists count from 1. */
export function pushJson(L: LuaState, json: unknown): void {
  let left = MAX_NODES;
  const push = (value: unknown, depth: number): void => {
    if (left-- <= 0) throw new LuaValueError("the object is too large for a script");
    if (depth > MAX_DEPTH) throw new LuaValueError("the object is nested too deeply for a script");
    switch (typeof value) {
      case "string":
        pushText(L, value);
        return;
      case "number":
        if (Number.isInteger(value) && Math.abs(value) <= MAX_INTEGER)
          lua.lua_pushinteger(L, value);
        else lua.lua_pushnumber(L, value);
        return;
      case "boolean":
        lua.lua_pushboolean(L, value);
        return;
      case "object":
        if (value === null) break;
        pushTable(value, depth);
        return;
      default:
    }
    lua.lua_pushnil(L);
  };
  const pushTable = (value: object, depth: number): void => {
    lauxlib.luaL_checkstack(L, 3, null);
    const isList = Array.isArray(value);
    lua.lua_createtable(L, 0, 0);
    for (const [key, field] of Object.entries(value)) {
      if (isList) {
        push(field, depth + 1);
        lua.lua_rawseti(L, -2, Number(key) + 1);
      } else {
        pushText(L, key);
        push(field, depth + 1);
        lua.lua_rawset(L, -3);
      }
    }
  };
  push(json, 0);
}

export function pushText(L: LuaState, text: string): void {
  const bytes = to_luastring(text);
  lua.lua_pushlstring(L, bytes, bytes.length);
}

/** The text at `index`; undefined when it is no text (numbers are none). */
export function textAt(L: LuaState, index: number): string | undefined {
  if (lua.lua_type(L, index) !== lua.LUA_TSTRING) return undefined;
  const bytes = lua.lua_tolstring(L, index);
  return bytes === null ? undefined : to_jsstring(bytes, undefined, undefined, true);
}
