import { hostProjections } from 'tidemark/worker'
import { app } from './model.ts'

// Answers and is gone soon after, each time.
hostProjections(app)
addEventListener('connect', () => setTimeout(close, 100))
