import { expect, test } from 'vitest'
import { addressSpaceOf, needsPermission } from './localNetwork'

test.each([
  ['http://localhost:8080/a', 'loopback'],
  ['http://api.localhost', 'loopback'],
  ['http://127.0.0.1:8080', 'loopback'],
  ['http://[::1]:8080', 'loopback'],
  ['http://10.1.2.3', 'local'],
  ['http://192.168.1.20:5173', 'local'],
  ['http://172.16.0.1', 'local'],
  ['http://172.31.0.1', 'local'],
  ['http://169.254.1.1', 'local'],
  ['http://printer.local', 'local'],
  ['http://[fd00::1]', 'local'],
  ['http://[fe80::1]', 'local'],
  ['http://172.32.0.1', 'public'],
  ['http://[2001:db8::1]', 'public'],
  ['https://10.example.com', 'public'],
  ['https://127.0.0.1.example.com', 'public'],
  ['https://localhost.example.com', 'public'],
])('%s leads to a %s address', (url, space) => {
  expect(addressSpaceOf(url)).toBe(space)
})

test('only a page from the internet needs the permission', () => {
  expect(needsPermission('https://app.example.com', 'http://localhost:8080')).toBe(true)
  expect(needsPermission('https://app.example.com', 'http://192.168.1.20')).toBe(true)
  expect(needsPermission('https://app.example.com', 'https://api.example.com')).toBe(false)
  expect(needsPermission('http://localhost:5173', 'http://localhost:8080')).toBe(false)
})
