/** True in development builds and tests, false in production: guards checks that an app needs only while it is written. */
declare const __DEV__: boolean
