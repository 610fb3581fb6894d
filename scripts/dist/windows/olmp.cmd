@echo off
rem The terminal command. A program of the window subsystem does not hold the prompt by itself.
start "" /b /wait "%~dp0OLMP Studio.exe" --no-sandbox --log-level=3 --olmp-terminal -- %*
exit /b %errorlevel%
