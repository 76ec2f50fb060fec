import { hostProjections } from 'tidemark/worker'
import { notesApp } from './notes.ts'

hostProjections(notesApp)
