import { hostProjections } from 'tidemark/worker'
import { answer } from './chat.reactions.ts'
import { chat } from './model.ts'

hostProjections(chat, { reactions: { answer } })
