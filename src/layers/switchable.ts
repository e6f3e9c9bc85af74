import type { Context, Layer, PeekingHandler, Timing } from '../core/handler.ts'

type Peeking<Request, Result> = Pick<PeekingHandler<Request, Result>, 'peek'>

/** A layer that is only there while `isOn` says so: switched off it is neither read nor written nor counted. */
export function switchable<Request, Result>(
  layer: Layer<Request, Result> & Peeking<Request, Result>,
  isOn: () => boolean
): Layer<Request, Result> & Peeking<Request, Result>
export function switchable<Request, Result>(layer: Layer<Request, Result>, isOn: () => boolean): Layer<Request, Result>
export function switchable<Request, Result>(
  layer: Layer<Request, Result> & Partial<Peeking<Request, Result>>,
  isOn: () => boolean
): Layer<Request, Result> & Partial<Peeking<Request, Result>> {
  const { name } = layer
  return {
    name,
    wrap(next) {
      const through = layer.wrap(next)
      return (request, context) => (isOn() ? through(request, context) : next(request, context))
    },
    ...(layer.peek === undefined
      ? {}
      : {
          peek: (request: Request, context: Context, timing?: Timing) =>
            isOn() ? layer.peek?.(request, context, timing) : undefined
        })
  }
}
