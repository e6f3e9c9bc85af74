import { describe, expect, it } from 'vitest'
import { readNumbers } from './figures.ts'
import { tokensOf } from './tokens.ts'

describe('readNumbers', () => {
  it.each([
    ['1,000', ['1000']],
    ['1,00,000', ['100000']],
    ['1.000.000', ['1000000']],
    ['3,5', ['3.5']],
    ['007', ['7']],
    ['1.50', ['1.5']],
    ['version 1.2.3', ['1.2.3']],
    ['12345678901234567890', ['12345678901234567890']],
    ['10k', ['10000']],
    ['2.5 million', ['2500000']],
    ['two hundred thousand', ['200000']],
    ['twenty five', ['25']],
    ['twenty-five', ['25']],
    ['the third of five', ['3', '5']],
    ['5th, 90s', ['5', '90']],
    ['a thousand', ['1000']],
    ['one of them', []],
    ['vitamin K', []],
    ['-5 degrees', ['-5']],
    ['drei Hunde, dos perros', ['3', '2']]
  ])('reads %s', (text, numbers) => {
    const read = readNumbers(tokensOf(text)).filter(({ kind }) => kind === 'number')
    expect(read.map(({ word }) => word)).toEqual(numbers)
  })
})
