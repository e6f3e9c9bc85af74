import { benchRedisVectors } from './zz.ts'; await benchRedisVectors()
