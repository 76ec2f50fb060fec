const paths = {
  search: 'M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9Zm3.4-1.1L14 14',
  plus: 'M8 3v10M3 8h10',
  back: 'M10 3 5 8l5 5',
  next: 'm6 3 5 5-5 5',
  files: 'M4 2h5l3 3v9H4V2Zm5 0v3h3',
  stop: 'M4.5 4.5h7v7h-7z',
  send: 'M8 13V3M3.5 7.5 8 3l4.5 4.5',
  done: 'm3 8.5 3.2 3.2L13 4.5',
  more: 'M3 8h.01M8 8h.01M13 8h.01',
  close: 'm4 4 8 8m0-8-8 8',
  folder: 'M2 4.5h4.2l1.4 1.6H14V13H2V4.5Z',
  spark: 'M8 2v3.5M8 10.5V14M2 8h3.5M10.5 8H14M4 4l2 2m4 4 2 2M12 4l-2 2m-4 4-2 2',
} as const

export const Icon = ({ name }: { readonly name: keyof typeof paths }) => (
  <svg className="icon" viewBox="0 0 16 16" aria-hidden="true">
    <path d={paths[name]} />
  </svg>
)
