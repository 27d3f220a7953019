// Names, specs, ends and errors are part of this module's interface: one import gives a program all of it.
@_exported public import Guest
