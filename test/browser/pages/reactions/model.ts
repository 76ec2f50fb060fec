import { chatApp } from '../../../reactions/chat.ts'

export const chat = chatApp()
