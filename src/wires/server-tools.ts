import { isObject, type JsonObject } from '../core/json.ts'
import { isList } from './fields.ts'

/** The tools that a request offers; those that are no objects are left out. */
export function toolsOf({ tools }: JsonObject): readonly JsonObject[] {
  return isList(tools) ? tools.filter(isObject) : []
}

/** True when the request offers a tool of that type, in whatever version (`web_search_20250305`, `web_search_preview`). */
export function usesTool(request: JsonObject, type: string): boolean {
  return toolsOf(request).some((tool) => {
    const own = tool['type']
    return typeof own === 'string' && (own === type || own.startsWith(`${type}_`))
  })
}
