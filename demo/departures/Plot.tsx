import { useEffect, useRef } from 'react'
import uPlot from 'uplot'

export interface Ink {
  readonly text: string
  readonly grid: string
  readonly sea: string
  readonly mark: string
}

interface Props {
  /** The content of the picture in words, for screen readers. */
  readonly label: string
  readonly height: number
  readonly data: uPlot.AlignedData
  /** Pass a constant: if it changes, the plot is made again. */
  readonly options: (ink: Ink) => Omit<uPlot.Options, 'width' | 'height'>
}

const dark = matchMedia('(prefers-color-scheme: dark)')

/** uPlot draws on a canvas. This component gives it the page's colours and width, and passes new data without a new plot. */
export function Plot({ label, height, data, options }: Props) {
  const element = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(undefined)
  const latest = useRef(data)
  latest.current = data

  useEffect(() => {
    const parent = element.current!
    const draw = (): void => {
      plot.current?.destroy()
      plot.current = new uPlot({ ...options(inkOf(parent)), width: parent.clientWidth, height }, latest.current, parent)
    }
    draw()
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: parent.clientWidth, height }))
    resized.observe(parent)
    dark.addEventListener('change', draw)
    return () => {
      dark.removeEventListener('change', draw)
      resized.disconnect()
      plot.current?.destroy()
    }
  }, [options, height])

  useEffect(() => plot.current?.setData(data), [data])

  return <div ref={element} className="plot" role="img" aria-label={label} />
}

function inkOf(element: Element): Ink {
  const style = getComputedStyle(element)
  const ink = (name: string) => style.getPropertyValue(name).trim()
  return { text: ink('--quiet'), grid: ink('--line'), sea: ink('--sea'), mark: ink('--mark') }
}
